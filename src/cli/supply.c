#include "cli/supply.h"

#include <string.h>

#include "base/arena.h"
#include "text/wave.h"

static bool is_named(const sluice_extern *e, sl_name name)
{
    return sl_name_eq((sl_name){e->name.data, e->name.len}, name);
}

/* The type of the value import of that name; NULL: there is none. */
static const sluice_type *import_type(const sluice_component *component,
                                      sl_name interface, sl_name name)
{
    sluice_extern e, member;
    for (size_t i = 0; sluice_component_import(component, i, &e); i++) {
        if (interface.len == 0 && e.kind == SLUICE_EXTERN_VALUE &&
            is_named(&e, name))
            return e.type;
        if (e.kind != SLUICE_EXTERN_INSTANCE || !is_named(&e, interface))
            continue;
        for (size_t k = 0; sluice_extern_member(&e, k, &member); k++)
            if (member.kind == SLUICE_EXTERN_VALUE && is_named(&member, name))
                return member.type;
    }
    return NULL;
}

static int define(const cli_command *command, sluice_linker *linker,
                  sl_name interface, sl_name name, const sluice_type *type,
                  const char *text)
{
    sl_err err = {0};
    sluice_error error = {0};
    sluice_val value = {0};
    sl_arena arena;
    if (!sl_wave_parse(sl_name_of(text), type, &value, &err))
        return cli_usage(command, "--value %.*s: %s", SL_NAME_ARGS(name),
                         err.msg);
    sl_arena_init(&arena);
    const char *in = sl_arena_dup(&arena, interface.data, interface.len);
    const char *as = sl_arena_dup(&arena, name.data, name.len);
    sluice_status st = SLUICE_ENOMEM;
    if (in != NULL && as != NULL)
        st = sluice_linker_value(linker, interface.len != 0 ? in : NULL, as,
                                 &value, &error);
    sluice_val_deinit(&value);
    sl_arena_deinit(&arena);
    if (st == SLUICE_EUSAGE)
        return cli_usage(command, "--value %.*s: %s", SL_NAME_ARGS(name),
                         error.message);
    return st == SLUICE_OK ? CLI_OK : cli_code(st);
}

int cli_supply_value(const cli_command *command, const char *file,
                     const sluice_component *component, sluice_linker *linker,
                     const char *option)
{
    const char *equals = strchr(option, '=');
    if (equals == NULL || equals == option || equals[1] == '\0')
        return cli_usage(command, "--value wants NAME=VALUE, not `%s`", option);
    sl_name interface = {"", 0}, name = {option, (size_t)(equals - option)};
    const char *hash = memchr(name.data, '#', name.len);
    if (hash != NULL) {
        interface = (sl_name){name.data, (size_t)(hash - name.data)};
        name = (sl_name){hash + 1, (size_t)(equals - hash - 1)};
    }
    const sluice_type *type = import_type(component, interface, name);
    if (type == NULL)
        return cli_usage(command, "%s has no value import named `%.*s`", file,
                         (int)(equals - option), option);
    return define(command, linker, interface, name, type, equals + 1);
}
