/* The name section: names for messages, never for meaning. Core
 * specification, appendix "Custom Sections / Name Section". */
#include "core/core_int.h"

enum { NAMES_MODULE = 0, NAMES_FUNC = 1 };

static bool read_func_names(sl_module *module, sl_reader *r)
{
    if (module->n_funcs == 0 || module->func_names != NULL)
        return true;
    sl_name *names = sl_arena_array(&module->arena, sl_name, module->n_funcs);
    if (names == NULL)
        return false;
    module->func_names = names;
    uint32_t n = sl_read_count(r, 2);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = sl_read_u32(r);
        sl_name name = sl_read_name(r);
        if (!sl_reader_ok(r))
            break;
        if (index < module->n_funcs)
            names[index] = name;
    }
    return true;
}

bool sl_decode_names(sl_module *module, const uint8_t *bytes, size_t len)
{
    sl_err ignored = {0};
    sl_reader r = sl_reader_over(bytes, len, 0, &ignored);
    while (sl_reader_ok(&r) && sl_reader_left(&r) > 0) {
        uint8_t id = sl_read_u8(&r);
        sl_reader sub = sl_read_sub(&r, sl_read_u32(&r));
        if (!sl_reader_ok(&r))
            break;
        sl_err broken = {0}; /* a broken subsection does not end the others */
        sub.err = &broken;
        if (id == NAMES_FUNC && !read_func_names(module, &sub))
            return false;
        if (id == NAMES_MODULE && module->name.data == NULL) {
            sl_name name = sl_read_name(&sub);
            if (sl_reader_ok(&sub))
                module->name = name;
        }
    }
    return true;
}
