/* Values on their way out of the runtime: from arenas to the host's memory. */
#include "api/api_int.h"
#include "base/alloc.h"
#include "component/value.h"

static bool take_items(sl_val *from, sl_val *to)
{
    size_t n = from->of.list.len;
    if (!sluice_val_items(to, (sluice_kind)from->kind, n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!sl_api_take(&from->of.list.items[i], &to->of.list.items[i]))
            return false;
    return true;
}

static bool take_variant(sl_val *from, sl_val *to)
{
    sl_val payload = {0};
    bool has = from->of.variant.payload != NULL;
    if (has && !sl_api_take(from->of.variant.payload, &payload))
        return false;
    return sluice_val_variant(to, (sluice_kind)from->kind,
                              from->of.variant.index, has ? &payload : NULL);
}

static bool take(sl_val *from, sl_val *to)
{
    switch ((sluice_kind)from->kind) {
    case SLUICE_STRING:
        return sluice_val_string(to, from->of.string.data, from->of.string.len);
    case SLUICE_ERROR_CONTEXT:
        return sluice_val_error_context(to, from->of.string.data,
                                        from->of.string.len);
    case SLUICE_LIST:
        if (from->elem != 0)
            return sluice_val_bytes(to, (sluice_kind)from->elem,
                                    from->of.bytes.data, from->of.bytes.len);
        return take_items(from, to);
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        return take_items(from, to);
    case SLUICE_VARIANT:
    case SLUICE_ENUM:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return take_variant(from, to);
    case SLUICE_STREAM:
        *to = *from;
        from->of.stream = NULL;
        return true;
    case SLUICE_FUTURE:
        *to = *from;
        from->of.future = NULL;
        return true;
    case SLUICE_OWN:
        *to = *from;
        from->of.handle.resource = NULL;
        return true;
    default: /* numbers, bool, char, flags; a borrow, for its call */
        *to = *from;
        return true;
    }
}

bool sl_api_take(sl_val *from, sl_val *to)
{
    *to = (sl_val){0};
    if (take(from, to))
        return true;
    sluice_val_deinit(to);
    return false;
}
