/* Declared core types: recursive groups of function, structure and array
 * types, read into canonical form and compared. Groups that are equal but for
 * where they stand get the same types, so that a concrete reference is the
 * number of a type here and equality of value types that of numbers.
 * Core specification, "Binary Format / Types", "Validation / Types",
 * "Validation / Matching", "Appendix / Type soundness" (rolling of types). */
#include "component/component_int.h"

#define MAX_SUPERTYPES 63 /* above one another */

/* --- Value types ------------------------------------------------------------
 *
 * A number type is its code, a nullable reference to an abstract heap type
 * that type's code. All other references are 0x63 (null) or 0x64 with the heap
 * type above: a type's number, or a code beside HEAP_ABSTRACT. While a group
 * is read, its own types are their places in it beside HEAP_OWN. */

#define HEAP_ABSTRACT 0x800000U
#define HEAP_OWN      0x400000U
#define MAX_TYPES     0x3fffffU

enum {
    REF_NULL = 0x63,
    REF = 0x64,
    HEAP_EXN = 0x69,
    HEAP_ARRAY,
    HEAP_STRUCT,
    HEAP_I31,
    HEAP_EQ,
    HEAP_ANY,
    HEAP_EXTERN,
    HEAP_FUNC,
    HEAP_NONE,
    HEAP_NOEXTERN,
    HEAP_NOFUNC,
    HEAP_NOEXN,
    PACKED_I16 = 0x77,
    PACKED_I8 = 0x78,
};

static uint8_t code_of(sl_valtype t)
{
    return (uint8_t)t;
}

static bool is_abstract(uint8_t code)
{
    return code >= HEAP_EXN && code <= HEAP_NOEXN;
}

static bool has_heap(sl_valtype t)
{
    return code_of(t) == REF_NULL || code_of(t) == REF;
}

bool sl_core_is_ref(sl_valtype t)
{
    return has_heap(t) || is_abstract(code_of(t));
}

static uint32_t heap_of(sl_valtype t)
{
    return has_heap(t) ? t >> 8 : HEAP_ABSTRACT | code_of(t);
}

/* The types a reading takes indices from, and the group being read. */
typedef struct reading {
    sl_decoder *d;
    const sl_items *space;
    uint32_t n_group;  /* types of the group; they come behind the space */
    bool names_itself; /* a type of the group was met */
} reading;

/* An index: a type's number, or its place in the group beside HEAP_OWN. */
static bool read_index(reading *x, sl_reader *r, uint64_t index, uint64_t at,
                       uint32_t *out)
{
    if (!sl_reader_ok(r))
        return false;
    if (index >= x->space->n + (uint64_t)x->n_group)
        return sl_dec_invalid(x->d, at,
                              "unknown type %u: type index out of bounds",
                              (unsigned)index);
    if (index >= x->space->n) {
        *out = HEAP_OWN | (uint32_t)(index - x->space->n);
        return x->names_itself = true;
    }
    const sl_core_type *type = x->space->v[index];
    if (type->def == NULL)
        return sl_dec_invalid(x->d, at, "core type index %u is a module type",
                              (unsigned)index);
    *out = type->def->number;
    return true;
}

static bool read_heap(reading *x, sl_reader *r, uint32_t *out)
{
    uint64_t at = sl_reader_at(r);
    int64_t value = sl_read_s33(r);
    if (!sl_reader_ok(r))
        return false;
    if (value >= 0)
        return read_index(x, r, (uint64_t)value, at, out);
    uint8_t code = (uint8_t)(value & 0x7f);
    *out = HEAP_ABSTRACT | code;
    if (value < -64 || !is_abstract(code)) {
        sl_fail(r->err, SL_EMALFORMED, at, "malformed heap type");
        return false;
    }
    return true;
}

static bool read_valtype(reading *x, sl_reader *r, sl_valtype *out)
{
    uint64_t at = sl_reader_at(r);
    uint8_t code = sl_read_u8(r);
    uint32_t heap = 0;
    *out = code;
    if (!sl_reader_ok(r))
        return false;
    if (code >= SL_V128 && code <= SL_I32)
        return true;
    bool known = is_abstract(code) || code == REF || code == REF_NULL;
    if (!known)
        return sl_dec_bad_byte(r, code, "core value type");
    if (!sl_valtype_is_ref(code) && !sl_dec_has(x->d, SL_FEATURE_GC)) {
        sl_fail(x->d->err, SL_EUNSUPPORTED, at,
                "unsupported feature `gc`: reference type 0x%x", code);
        return false;
    }
    if (is_abstract(code))
        return true;
    if (!read_heap(x, r, &heap))
        return false;
    *out = code == REF_NULL && (heap & HEAP_ABSTRACT) ? heap & 0xff
                                                      : code | heap << 8;
    return true;
}

bool sl_decode_core_valtype(sl_decoder *d, const sl_items *space, sl_reader *r,
                            sl_valtype *out)
{
    reading x = {.d = d, .space = space};
    return read_valtype(&x, r, out);
}

/* --- Groups, as words -------------------------------------------------------
 *
 * A group's key: the number of its types, and of each: kind, finality and
 * whether it has a supertype; that type; the number of parameters, then of
 * results, or of fields; their types, a field's mutability behind its type. */

typedef SL_VEC(uint32_t) words;

#define WORD_KIND  3U
#define WORD_FINAL 4U
#define WORD_SUPER 8U

static bool put(reading *x, words *key, uint32_t word)
{
    return sl_vec_push(key, word) || sl_dec_nomem(x->d);
}

static bool read_functype(reading *x, sl_reader *r, words *key)
{
    for (int part = 0; part < 2; part++) {
        uint32_t n = sl_dec_count(x->d, r, SL_MAX_PARAMS, "core parameters");
        if (!put(x, key, n))
            return false;
        for (uint32_t i = 0; i < n && sl_dec_ok(x->d); i++) {
            sl_valtype t;
            if (!read_valtype(x, r, &t) || !put(x, key, t))
                return false;
        }
    }
    return sl_dec_ok(x->d);
}

static bool read_field(reading *x, sl_reader *r, words *key)
{
    sl_valtype t;
    uint64_t at = sl_reader_at(r);
    sl_reader ahead = *r;
    uint8_t code = sl_read_u8(&ahead);
    if (sl_reader_ok(r) && (code == PACKED_I8 || code == PACKED_I16))
        t = sl_read_u8(r);
    else if (!read_valtype(x, r, &t))
        return false;
    uint8_t mut = sl_read_u8(r);
    if (sl_reader_ok(r) && mut > 1) {
        sl_fail(r->err, SL_EMALFORMED, at, "malformed mutability");
        return false;
    }
    return sl_reader_ok(r) && put(x, key, t) && put(x, key, mut);
}

static bool read_comptype(reading *x, sl_reader *r, uint8_t form, words *key)
{
    uint32_t n = 1;
    switch (form) {
    case 0x60:
        return read_functype(x, r, key);
    case 0x5f:
        n = sl_dec_count(x->d, r, SL_MAX_LABELS, "fields");
        break;
    case 0x5e:
        break;
    default:
        return sl_dec_bad_byte(r, form, "core type");
    }
    if (!put(x, key, n))
        return false;
    for (uint32_t i = 0; i < n && sl_dec_ok(x->d); i++)
        if (!read_field(x, r, key))
            return false;
    return sl_dec_ok(x->d);
}

/* subtype, of which `form` was read. */
static bool read_subtype(reading *x, sl_reader *r, uint8_t form, words *key)
{
    static const uint8_t kinds[] = {
        [0] = SL_COMP_ARRAY, [1] = SL_COMP_STRUCT, [2] = SL_COMP_FUNC};
    uint64_t at = sl_reader_at(r);
    uint32_t head = form == 0x50 ? 0 : WORD_FINAL, super = 0;
    if (form == 0x50 || form == 0x4f) {
        uint32_t n = sl_dec_count(x->d, r, SL_MAX_ITEMS, "supertypes");
        for (uint32_t i = 0; i < n && sl_dec_ok(x->d); i++) {
            uint64_t where = sl_reader_at(r);
            read_index(x, r, sl_read_u32(r), where, &super);
        }
        if (n > 1)
            return sl_dec_invalid(x->d, at, "only one supertype is allowed");
        head |= n == 1 ? WORD_SUPER : 0;
        form = sl_read_u8(r);
    }
    if (!sl_reader_ok(r))
        return false;
    if (form >= 0x5e && form <= 0x60)
        head |= kinds[form - 0x5e];
    return put(x, key, head) && (!(head & WORD_SUPER) || put(x, key, super)) &&
           read_comptype(x, r, form, key);
}

/* --- Groups, as types -------------------------------------------------------
 */

/* Words of a key being read back; `first` is the number of the group's first
 * type. */
typedef struct unpacking {
    sl_decoder *d;
    const uint32_t *at;
    uint32_t first;
} unpacking;

static uint32_t rolled_out(const unpacking *u, uint32_t heap)
{
    return heap & HEAP_OWN ? u->first + (heap & ~HEAP_OWN) : heap;
}

static sl_valtype next_valtype(unpacking *u)
{
    sl_valtype t = *u->at++;
    return has_heap(t) && !((t >> 8) & HEAP_ABSTRACT)
               ? code_of(t) | rolled_out(u, t >> 8) << 8
               : t;
}

static bool unpack_functype(unpacking *u, sl_functype *out)
{
    sl_valtype *types[2];
    uint32_t n_params = *u->at, n_results = u->at[1 + n_params];
    types[0] = sl_dec_array(u->d, sl_valtype, n_params + n_results);
    if (types[0] == NULL)
        return false;
    types[1] = types[0] + n_params;
    *out = (sl_functype){n_params, n_results, types[0], NULL};
    for (int part = 0; part < 2; part++) {
        uint32_t n = *u->at++;
        for (uint32_t i = 0; i < n; i++)
            types[part][i] = next_valtype(u);
    }
    return true;
}

static bool unpack_fields(unpacking *u, sl_deftype *out)
{
    out->n_fields = *u->at++;
    sl_field *fields = sl_dec_array(u->d, sl_field, out->n_fields);
    if (fields == NULL)
        return false;
    for (uint32_t i = 0; i < out->n_fields; i++) {
        fields[i].type = next_valtype(u);
        fields[i].mutable_ = *u->at++ != 0;
    }
    out->fields = fields;
    return true;
}

static bool unpack(unpacking *u, sl_deftype *out, bool plain)
{
    uint32_t head = *u->at++;
    out->kind = (sl_comp_kind)(head & WORD_KIND);
    out->final = (head & WORD_FINAL) != 0;
    if (head & WORD_SUPER)
        out->super = u->d->rectypes.types.v[rolled_out(u, *u->at++)];
    if (out->kind != SL_COMP_FUNC)
        return unpack_fields(u, out);
    bool ok = unpack_functype(u, &out->func);
    if (!plain)
        out->func.def = out;
    return ok;
}

/* --- Matching ---------------------------------------------------------------
 */

static bool heap_matches(const sl_rectypes *all, uint32_t have, uint32_t want)
{
    if (have == want)
        return true;
    uint8_t to = (uint8_t)want;
    if (!(have & HEAP_ABSTRACT)) {
        if (all == NULL || have >= all->types.n)
            return false;
        const sl_deftype *t = all->types.v[have];
        if (!(want & HEAP_ABSTRACT)) {
            while (t != NULL && t->number != want)
                t = t->super;
            return t != NULL;
        }
        if (t->kind == SL_COMP_FUNC)
            return to == HEAP_FUNC;
        return to == HEAP_ANY || to == HEAP_EQ ||
               to == (t->kind == SL_COMP_STRUCT ? HEAP_STRUCT : HEAP_ARRAY);
    }
    bool func = false, declared = !(want & HEAP_ABSTRACT);
    if (declared && (all == NULL || want >= all->types.n))
        return false;
    if (declared)
        func = all->types.v[want]->kind == SL_COMP_FUNC;
    switch ((uint8_t)have) {
    case HEAP_NOFUNC:
        return declared ? func : to == HEAP_FUNC;
    case HEAP_NOEXTERN:
        return !declared && to == HEAP_EXTERN;
    case HEAP_NOEXN:
        return !declared && to == HEAP_EXN;
    case HEAP_NONE:
        return declared ? !func : to >= HEAP_ARRAY && to <= HEAP_ANY;
    case HEAP_ARRAY:
    case HEAP_STRUCT:
    case HEAP_I31:
        return !declared && (to == HEAP_EQ || to == HEAP_ANY);
    case HEAP_EQ:
        return !declared && to == HEAP_ANY;
    default:
        return false;
    }
}

bool sl_core_valtype_matches(const sl_rectypes *all, sl_valtype have,
                             sl_valtype want)
{
    if (have == want)
        return true;
    if (!sl_core_is_ref(have) || !sl_core_is_ref(want))
        return false;
    if (code_of(have) != REF && code_of(want) == REF)
        return false;
    return heap_matches(all, heap_of(have), heap_of(want));
}

bool sl_core_functype_matches(const sl_functype *have, const sl_functype *want)
{
    if (sl_functype_eq(have, want))
        return true;
    const sl_deftype *t = have->def != NULL ? have->def->super : NULL;
    while (t != NULL && !sl_functype_eq(&t->func, want))
        t = t->super;
    return t != NULL;
}

/* --- Validation -------------------------------------------------------------
 */

static bool functype_fits(const sl_rectypes *all, const sl_functype *have,
                          const sl_functype *want)
{
    if (have->n_params != want->n_params || have->n_results != want->n_results)
        return false;
    for (uint32_t i = 0; i < have->n_params; i++)
        if (!sl_core_valtype_matches(all, want->types[i], have->types[i]))
            return false;
    for (uint32_t i = have->n_params; i < have->n_params + have->n_results; i++)
        if (!sl_core_valtype_matches(all, have->types[i], want->types[i]))
            return false;
    return true;
}

static bool fields_fit(const sl_rectypes *all, const sl_deftype *have,
                       const sl_deftype *want)
{
    if (have->n_fields < want->n_fields)
        return false;
    for (uint32_t i = 0; i < want->n_fields; i++) {
        const sl_field *h = &have->fields[i], *w = &want->fields[i];
        if (h->mutable_ != w->mutable_ ||
            !sl_core_valtype_matches(all, h->type, w->type) ||
            (h->mutable_ && !sl_core_valtype_matches(all, w->type, h->type)))
            return false;
    }
    return true;
}

/* "Validation / Types / Recursive Types": where a supertype must stand. */
static bool place_super(sl_decoder *d, sl_deftype *t, uint64_t at)
{
    if (t->super == NULL)
        return true;
    if (t->super->number >= t->number)
        return sl_dec_invalid(d, at,
                              "supertypes must be defined before subtypes");
    if (t->super->final)
        return sl_dec_invalid(d, at, "sub type cannot have a final super type");
    t->depth = t->super->depth + 1;
    return t->depth <= MAX_SUPERTYPES ||
           sl_dec_limit(d, at, "supertypes above one another");
}

static bool check_super(sl_decoder *d, const sl_deftype *t, uint64_t at)
{
    const sl_deftype *super = t->super;
    if (super == NULL)
        return true;
    bool fits = super->kind == t->kind &&
                (t->kind == SL_COMP_FUNC
                     ? functype_fits(&d->rectypes, &t->func, &super->func)
                     : fields_fit(&d->rectypes, t, super));
    return fits || sl_dec_invalid(d, at, "sub type must match super type");
}

/* --- Canonical groups -------------------------------------------------------
 */

/* A group met for the first time: its types get the next numbers. */
static bool add_group(reading *x, const words *key, uint64_t at)
{
    sl_decoder *d = x->d;
    uint32_t n = x->n_group, first = (uint32_t)d->rectypes.types.n;
    sl_deftype *types = sl_dec_array(d, sl_deftype, n);
    if (types == NULL)
        return false;
    if (n > MAX_TYPES - first)
        return sl_dec_limit(d, at, "core types");
    for (uint32_t i = 0; i < n; i++) {
        types[i].number = first + i;
        if (!sl_vec_push(&d->rectypes.types, &types[i]))
            return sl_dec_nomem(d);
    }
    const uint32_t alone = SL_COMP_FUNC | WORD_FINAL;
    bool plain = n == 1 && key->v[1] == alone && !x->names_itself;
    unpacking u = {d, key->v + 1, first};
    for (uint32_t i = 0; i < n; i++)
        if (!unpack(&u, &types[i], plain))
            return false;
    for (uint32_t i = 0; i < n; i++)
        if (!place_super(d, &types[i], at))
            return false;
    for (uint32_t i = 0; i < n; i++)
        if (!check_super(d, &types[i], at))
            return false;
    uint32_t *bytes = sl_dec_copy(d, key->v, key->n, sizeof *key->v);
    sl_name name = {(const char *)bytes, key->n * sizeof *key->v};
    return bytes != NULL &&
           (sl_map_put(&d->rectypes.groups, name, first) || sl_dec_nomem(d));
}

static bool find_group(reading *x, const words *key, uint64_t at,
                       uint32_t *first)
{
    sl_name name = {(const char *)key->v, key->n * sizeof *key->v};
    uint64_t found = x->d->rectypes.types.n;
    if (!sl_map_get(&x->d->rectypes.groups, name, &found) &&
        !add_group(x, key, at))
        return false;
    *first = (uint32_t)found;
    return true;
}

/* The group's subtypes behind its head; `form` begins the only one when there
 * is no 0x4e. */
static bool read_group(reading *x, sl_reader *r, uint8_t form, words *key)
{
    if (form != 0x4e) {
        x->n_group = 1;
        return put(x, key, 1) && read_subtype(x, r, form, key);
    }
    x->n_group = sl_dec_count(x->d, r, SL_MAX_ITEMS, "types in a group");
    if (!sl_dec_ok(x->d) || !put(x, key, x->n_group))
        return false;
    for (uint32_t i = 0; i < x->n_group && sl_dec_ok(x->d); i++) {
        uint8_t sub = sl_read_u8(r);
        if (!sl_reader_ok(r) || !read_subtype(x, r, sub, key))
            return false;
    }
    return sl_dec_ok(x->d);
}

bool sl_decode_rectype(sl_decoder *d, const sl_items *space, sl_reader *r,
                       uint8_t form, uint32_t *first, uint32_t *n)
{
    uint64_t at = sl_reader_at(r) - 1;
    reading x = {.d = d, .space = space};
    words key = {0};
    bool ok = read_group(&x, r, form, &key) && sl_reader_ok(r) &&
              find_group(&x, &key, at, first);
    *n = x.n_group;
    sl_vec_deinit(&key);
    return ok;
}

void sl_rectypes_deinit(sl_rectypes *all)
{
    sl_vec_deinit(&all->types);
    sl_map_deinit(&all->groups);
}
