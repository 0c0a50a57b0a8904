/* include/sluice/type.h: reflection over validated types. */
#include "api/api_int.h"

/* The public kinds are the internal ones by number. */
_Static_assert((int)SLUICE_STRING == (int)SL_T_STRING, "kinds");
_Static_assert((int)SLUICE_LIST == (int)SL_T_LIST, "kinds");
_Static_assert((int)SLUICE_RESULT == (int)SL_T_RESULT, "kinds");
_Static_assert((int)SLUICE_FUTURE == (int)SL_T_FUTURE, "kinds");

static sluice_name name_of(sl_name name)
{
    return (sluice_name){name.data, name.len};
}

sluice_kind sluice_type_kind(const sluice_type *type)
{
    return (sluice_kind)type->kind;
}

const sluice_type *sluice_type_elem(const sluice_type *type)
{
    switch (type->kind) {
    case SL_T_LIST:
    case SL_T_OPTION:
    case SL_T_STREAM:
    case SL_T_FUTURE:
        return type->of.list.elem;
    default:
        return NULL;
    }
}

size_t sluice_type_n_parts(const sluice_type *type)
{
    switch (type->kind) {
    case SL_T_RECORD:
    case SL_T_TUPLE:
    case SL_T_FLAGS:
    case SL_T_VARIANT:
    case SL_T_ENUM:
        return type->of.labels.n;
    case SL_T_OPTION:
    case SL_T_RESULT:
    case SL_T_MAP:
        return 2;
    default:
        return 0;
    }
}

bool sluice_type_part(const sluice_type *type, size_t index,
                      sluice_name *label, const sluice_type **part)
{
    if (index >= sluice_type_n_parts(type))
        return false;
    uint32_t i = (uint32_t)index;
    switch (type->kind) {
    case SL_T_MAP:
        *label = i == 0 ? (sluice_name){"key", 3} : (sluice_name){"value", 5};
        *part = i == 0 ? type->of.map.key : type->of.map.value;
        break;
    case SL_T_OPTION:
    case SL_T_RESULT:
        *label = name_of(sl_case_label(type, i));
        *part = sl_case_type(type, i);
        break;
    default:
        *label = name_of(type->of.labels.v[i].label);
        *part = type->of.labels.v[i].type;
    }
    return true;
}

size_t sluice_type_fixed_length(const sluice_type *type)
{
    return type->kind == SL_T_LIST ? type->of.list.len : 0;
}

size_t sluice_type_n_params(const sluice_type *func)
{
    return func->kind == SL_T_FUNC ? func->of.func.n_params : 0;
}

bool sluice_type_param(const sluice_type *func, size_t index,
                       sluice_name *name, const sluice_type **type)
{
    if (index >= sluice_type_n_params(func))
        return false;
    *name = name_of(func->of.func.params[index].label);
    *type = func->of.func.params[index].type;
    return true;
}

const sluice_type *sluice_type_result(const sluice_type *func)
{
    return func->kind == SL_T_FUNC ? func->of.func.result : NULL;
}

bool sluice_type_is_async(const sluice_type *func)
{
    return func->kind == SL_T_FUNC && func->of.func.async_;
}

const sluice_type *sluice_type_none(void)
{
    static const sl_type none = {.kind = SL_T_TUPLE};
    return &none;
}

const char *sluice_type_text(const sluice_type *type, char *out, size_t cap)
{
    return sl_type_text(type, out, cap);
}
