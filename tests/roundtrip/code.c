#include "code.h"

static const char *const encodings[] = {"utf8", "utf16", "latin1+utf16"};
static const char *const lifts[] = {"sync", "callback", "stackful"};

void rt_chain_make(rt_chain *chain, rt_rng *rng)
{
    *chain = (rt_chain){.n = 1 + rt_below(rng, RT_MAX_LINKS)};
    chain->to_host = rt_chance(rng, 3);
    bool async_type = !rt_chance(rng, 3);
    for (uint32_t i = 0; i < chain->n; i++) {
        rt_link *link = &chain->link[i];
        link->encoding = (rt_encoding)rt_below(rng, RT_N_ENCODINGS);
        link->is64 = rt_chance(rng, 4);
        link->async_type = async_type;
        /* a synchronous task may not block: no async function behind it */
        async_type = async_type && !rt_chance(rng, 4);
        link->async_lower = async_type && rt_chance(rng, 2);
        link->lift = link->async_type ? (rt_lift)rt_below(rng, 3) : RT_SYNC;
        link->post_return = link->lift == RT_SYNC && rt_chance(rng, 2);
        link->moving = rt_chance(rng, 2);
        link->dirty = rt_chance(rng, 2);
        link->copies = rt_chance(rng, 2);
        link->yields = rt_chance(rng, 2);
    }
    chain->host_async = async_type;
}

void rt_chain_describe(const rt_chain *chain, sl_buf *out)
{
    sl_buf_printf(out, "host");
    for (uint32_t i = 0; i < chain->n; i++) {
        const rt_link *link = &chain->link[i];
        bool last = i + 1 == chain->n && !chain->to_host;
        sl_buf_printf(out, " -> [%s %s%s%s%s%s%s%s%s%s]", lifts[link->lift],
                      encodings[link->encoding], link->is64 ? " memory64" : "",
                      link->async_type ? " async-type" : "",
                      link->post_return ? " post-return" : "",
                      link->moving ? " moving" : "",
                      link->dirty ? " dirty" : "",
                      link->copies ? " copies" : "",
                      link->yields && last ? " yields" : "",
                      last                ? ""
                      : link->async_lower ? " calls-async"
                                          : " calls-sync");
    }
    if (chain->to_host)
        sl_buf_printf(out, " -> host%s", chain->host_async ? " async" : "");
}

/* --- What the generator knows -----------------------------------------------
 */

typedef struct gen {
    sl_buf *out;
    const rt_func *func;
    const rt_chain *chain;
    const rt_link *link;
    const rt_layout *layout; /* of the parameters as of the result */
    bool last;               /* calls nobody */
    bool next_async;         /* the type of what it calls */
    bool is64;
    const char *ptr; /* "i32" or "i64" */
} gen;

#define P(...) sl_buf_printf(g->out, __VA_ARGS__)

static bool spilled(const gen *g)
{
    return g->layout->n_flat > RT_MAX_FLAT;
}

static const char *core_type(char flat)
{
    return flat == 'i'   ? "i32"
           : flat == 'I' ? "i64"
           : flat == 'f' ? "f32"
                         : "f64";
}

/* --- Scalars ----------------------------------------------------------------
 */

/* How a piece of a value lies in memory, and the core type it flattens to. */
typedef struct scalar {
    char flat;
    const char *load, *store;
    uint32_t size;
} scalar;

static scalar unsigned_of(uint32_t size)
{
    return size == 1   ? (scalar){'i', "i32.load8_u", "i32.store8", 1}
           : size == 2 ? (scalar){'i', "i32.load16_u", "i32.store16", 2}
                       : (scalar){'i', "i32.load", "i32.store", 4};
}

static scalar pointer(const gen *g)
{
    return g->is64 ? (scalar){'I', "i64.load", "i64.store", 8} : unsigned_of(4);
}

static scalar discriminant(const rt_type *type)
{
    return unsigned_of(rt_discriminant_size(rt_n_cases(type)));
}

static scalar scalar_of(const rt_type *type)
{
    switch (type->kind) {
    case SLUICE_S8:
        return (scalar){'i', "i32.load8_s", "i32.store8", 1};
    case SLUICE_S16:
        return (scalar){'i', "i32.load16_s", "i32.store16", 2};
    case SLUICE_S64:
    case SLUICE_U64:
        return (scalar){'I', "i64.load", "i64.store", 8};
    case SLUICE_F32:
        return (scalar){'f', "f32.load", "f32.store", 4};
    case SLUICE_F64:
        return (scalar){'F', "f64.load", "f64.store", 8};
    default:
        return unsigned_of(type->layout[0].size);
    }
}

/* --- A slot's core type, that variants may have joined ----------------------
 */

/* Prints what leads from the scalar's core type to the slot's; returns how
 * many parentheses are to be closed. */
static int open_slot(const gen *g, char from, char slot)
{
    int n = 0;
    if (from == slot)
        return 0;
    if (from == 'F') {
        P("(i64.reinterpret_f64 ");
        return 1;
    }
    if (slot == 'I') {
        n = g->link->dirty ? 2 : 1;
        P("%s(i64.extend_i32_u ",
          g->link->dirty ? "(i64.or (i64.const 0xdead0bad00000000) " : "");
    }
    if (from == 'f') {
        P("(i32.reinterpret_f32 ");
        n++;
    }
    return n;
}

/* The slot, as the core type that it had before the join. */
static void from_slot(const gen *g, uint32_t i, char want)
{
    char slot = g->layout->flat[i];
    int n = 0;
    if (slot == 'I' && want == 'F') {
        P("(f64.reinterpret_i64 ");
        n = 1;
    } else if (slot != want) {
        if (want == 'f')
            P("(f32.reinterpret_i32 ");
        if (slot == 'I')
            P("(i32.wrap_i64 ");
        n = (want == 'f') + (slot == 'I');
    }
    P("(local.get $p%u)", i);
    while (n-- > 0)
        P(")");
}

static void close(const gen *g, int n)
{
    while (n-- > 0)
        P(")");
    P("\n");
}

/* --- Walking a type slot by slot --------------------------------------------
 */

typedef void (*visit_fn)(const gen *g, const rt_type *type, uint32_t off,
                         uint32_t slot);

typedef struct walker {
    visit_fn scalar;
    visit_fn pointer; /* for both words */
    visit_fn variant; /* the discriminant */
    void (*test)(const gen *g, const rt_type *type, uint32_t off, uint32_t slot,
                 uint32_t index); /* opens `(if ... (then` */
} walker;

static void walk(const gen *g, const walker *w, const rt_type *type,
                 uint32_t off, uint32_t slot);

static void walk_variant(const gen *g, const walker *w, const rt_type *type,
                         uint32_t off, uint32_t slot)
{
    w->variant(g, type, off, slot);
    for (uint32_t i = 0; i < rt_n_cases(type); i++) {
        if (rt_case(type, i) == NULL)
            continue;
        w->test(g, type, off, slot, i);
        walk(g, w, rt_case(type, i), off + rt_payload_offset(type, g->is64),
             slot + 1);
        P("))\n");
    }
}

static void walk(const gen *g, const walker *w, const rt_type *type,
                 uint32_t off, uint32_t slot)
{
    switch (type->kind) {
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        for (uint32_t i = 0; i < type->n; i++) {
            const rt_layout *part = &type->parts[i]->layout[g->is64];
            off = rt_align_to(off, part->align);
            walk(g, w, type->parts[i], off, slot);
            off += part->size;
            slot += part->n_flat;
        }
        break;
    case SLUICE_VARIANT:
    case SLUICE_ENUM:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        walk_variant(g, w, type, off, slot);
        break;
    case SLUICE_LIST:
        for (uint32_t i = 0; i < type->len; i++) {
            const rt_layout *part = &type->parts[0]->layout[g->is64];
            walk(g, w, type->parts[0], off + i * part->size,
                 slot + i * part->n_flat);
        }
        if (type->len != 0)
            break;
        /* fallthrough */
    case SLUICE_STRING:
    case SLUICE_MAP:
        w->pointer(g, type, off, slot);
        w->pointer(g, type, off + (g->is64 ? 8 : 4), slot + 1);
        break;
    default:
        w->scalar(g, type, off, slot);
        break;
    }
}

/* --- From slots into memory at $a -------------------------------------------
 */

static void store_as(const gen *g, scalar s, uint32_t off, uint32_t slot)
{
    P("(%s offset=%u (local.get $a) ", s.store, off);
    from_slot(g, slot, s.flat);
    P(")\n");
}

static uint32_t unknown_flags(const rt_type *type)
{
    return ~(uint32_t)(UINT64_MAX >> (64 - type->n));
}

static void store_scalar(const gen *g, const rt_type *type, uint32_t off,
                         uint32_t slot)
{
    scalar s = scalar_of(type);
    bool truth = type->kind == SLUICE_BOOL, flags = type->kind == SLUICE_FLAGS;
    if (!g->link->dirty || (!truth && !flags)) {
        store_as(g, s, off, slot);
        return;
    }
    P("(%s offset=%u (local.get $a) (%s ", s.store, off,
      truth ? "i32.mul (i32.const 0xfe) (i32.ne (i32.const 0)" : "i32.or");
    if (flags)
        P(" (i32.const %u) ", unknown_flags(type));
    from_slot(g, slot, 'i');
    P(truth ? ")))\n" : "))\n");
}

static void store_pointer(const gen *g, const rt_type *type, uint32_t off,
                          uint32_t slot)
{
    (void)type;
    store_as(g, pointer(g), off, slot);
}

static void store_variant(const gen *g, const rt_type *type, uint32_t off,
                          uint32_t slot)
{
    store_as(g, discriminant(type), off, slot);
}

static void test_slot(const gen *g, const rt_type *type, uint32_t off,
                      uint32_t slot, uint32_t index)
{
    (void)type, (void)off;
    P("(if (i32.eq (i32.const %u) ", index);
    from_slot(g, slot, 'i');
    P(") (then\n");
}

static const walker storing = {store_scalar, store_pointer, store_variant,
                               test_slot};

/* --- From memory at $a into slots -------------------------------------------
 */

static void load_as(const gen *g, scalar s, uint32_t off, uint32_t slot)
{
    P("(local.set $p%u ", slot);
    int n = open_slot(g, s.flat, g->layout->flat[slot]);
    P("(%s offset=%u (local.get $a))", s.load, off);
    close(g, n + 1);
}

/* The bits of an i32 that lifting has to ignore. */
static uint32_t ignored_bits(const rt_type *type)
{
    switch (type->kind) {
    case SLUICE_S8:
    case SLUICE_U8:
        return 0xabcdef00;
    case SLUICE_S16:
    case SLUICE_U16:
        return 0xabcd0000;
    case SLUICE_FLAGS:
        return unknown_flags(type);
    default:
        return 0;
    }
}

static void load_scalar(const gen *g, const rt_type *type, uint32_t off,
                        uint32_t slot)
{
    scalar s = scalar_of(type);
    bool truth = type->kind == SLUICE_BOOL;
    if (!g->link->dirty || s.flat != 'i') {
        load_as(g, s, off, slot);
        return;
    }
    P("(local.set $p%u ", slot);
    int n = open_slot(g, 'i', g->layout->flat[slot]);
    P("(%s (i32.const %u) (%s offset=%u (local.get $a)))",
      truth ? "i32.mul" : "i32.or", truth ? 0x7f00 : ignored_bits(type), s.load,
      off);
    close(g, n + 1);
}

static void load_pointer(const gen *g, const rt_type *type, uint32_t off,
                         uint32_t slot)
{
    (void)type;
    load_as(g, pointer(g), off, slot);
}

static void load_variant(const gen *g, const rt_type *type, uint32_t off,
                         uint32_t slot)
{
    load_as(g, discriminant(type), off, slot);
    for (uint32_t i = 1; i < type->layout[g->is64].n_flat; i++)
        P("(local.set $p%u (%s.const %d))\n", slot + i,
          core_type(g->layout->flat[slot + i]), g->link->dirty ? 77 : 0);
}

static void test_memory(const gen *g, const rt_type *type, uint32_t off,
                        uint32_t slot, uint32_t index)
{
    (void)slot;
    P("(if (i32.eq (i32.const %u) (%s offset=%u (local.get $a))) (then\n",
      index, discriminant(type).load, off);
}

static const walker loading = {load_scalar, load_pointer, load_variant,
                               test_memory};

/* --- What the runtime put into slots: nothing but the value -----------------
 */

/* The slot's high half, if it was joined to 64 bits. */
static void check_join(const gen *g, char flat, uint32_t slot)
{
    if (g->layout->flat[slot] == 'I' && (flat == 'i' || flat == 'f'))
        P("(call $must (i64.eqz (i64.shr_u (local.get $p%u) "
          "(i64.const 32))))\n",
          slot);
}

static void check_below(const gen *g, uint32_t slot, uint32_t limit)
{
    P("(call $must (i32.lt_u ");
    from_slot(g, slot, 'i');
    P(" (i32.const %u)))\n", limit);
}

static void check_signed(const gen *g, uint32_t slot, int bits)
{
    P("(call $must (i32.eq (i32.extend%d_s ", bits);
    from_slot(g, slot, 'i');
    P(") ");
    from_slot(g, slot, 'i');
    P("))\n");
}

static void check_scalar(const gen *g, const rt_type *type, uint32_t off,
                         uint32_t slot)
{
    (void)off;
    check_join(g, scalar_of(type).flat, slot);
    switch (type->kind) {
    case SLUICE_BOOL:
        check_below(g, slot, 2);
        break;
    case SLUICE_U8:
        check_below(g, slot, 0x100);
        break;
    case SLUICE_U16:
        check_below(g, slot, 0x10000);
        break;
    case SLUICE_CHAR:
        check_below(g, slot, 0x110000);
        break;
    case SLUICE_S8:
        check_signed(g, slot, 8);
        break;
    case SLUICE_S16:
        check_signed(g, slot, 16);
        break;
    case SLUICE_FLAGS:
        if (type->n < 32)
            check_below(g, slot, 1U << type->n);
        break;
    default:
        break;
    }
}

static void check_pointer(const gen *g, const rt_type *type, uint32_t off,
                          uint32_t slot)
{
    (void)type, (void)off;
    check_join(g, pointer(g).flat, slot);
}

static void check_zero(const gen *g, uint32_t slot)
{
    char flat = g->layout->flat[slot];
    P("(call $must (%s.eqz (%s(local.get $p%u))))\n",
      flat == 'i' || flat == 'f' ? "i32" : "i64",
      flat == 'f'   ? "i32.reinterpret_f32 "
      : flat == 'F' ? "i64.reinterpret_f64 "
      : flat == 'i' ? "i32.or (i32.const 0) "
                    : "i64.or (i64.const 0) ",
      slot);
}

/* The slots that a case leaves unused are zero. */
static void check_variant(const gen *g, const rt_type *type, uint32_t off,
                          uint32_t slot)
{
    check_join(g, 'i', slot);
    check_below(g, slot, rt_n_cases(type));
    uint32_t n = type->layout[g->is64].n_flat, plain = 0;
    for (uint32_t i = 0; i < rt_n_cases(type); i++) {
        const rt_type *payload = rt_case(type, i);
        uint32_t used = 1;
        if (payload != NULL)
            used += payload->layout[g->is64].n_flat;
        if (used >= n || (payload == NULL && plain++ > 4))
            continue;
        test_slot(g, type, off, slot, i);
        for (uint32_t k = used; k < n; k++)
            check_zero(g, slot + k);
        P("))\n");
    }
}

static const walker checking = {check_scalar, check_pointer, check_variant,
                                test_slot};

/* --- Functions of the core module -------------------------------------------
 */

static void slot_params(const gen *g)
{
    for (uint32_t i = 0; i < g->layout->n_flat; i++)
        P(" (param $p%u %s)", i, core_type(g->layout->flat[i]));
}

static void slot_types(const gen *g, const char *word)
{
    P(" (%s", word);
    for (uint32_t i = 0; i < g->layout->n_flat; i++)
        P(" %s", core_type(g->layout->flat[i]));
    P(")");
}

/* The parameters of "f" as it was called with them. */
static void get_params(const gen *g)
{
    for (uint32_t i = 0; i < (spilled(g) ? 1 : g->layout->n_flat); i++)
        P(" (local.get $p%u)", i);
}

static void declare_params(const gen *g)
{
    if (spilled(g))
        P(" (param $p0 %s)", g->ptr);
    else
        slot_params(g);
}

/* Room for one value, filled with what nobody may read. */
static void func_alloc(const gen *g)
{
    P("(func $alloc (result %s) (local $a %s)\n"
      "(local.set $a (call $realloc (%s.const 0) (%s.const 0) (%s.const %u) "
      "(%s.const %u)))\n"
      "(memory.fill (local.get $a) (i32.const 0xdb) (%s.const %u))\n"
      "(local.get $a))\n",
      g->ptr, g->ptr, g->ptr, g->ptr, g->ptr, g->layout->align, g->ptr,
      g->layout->size, g->ptr, g->layout->size);
    P("(func $copy (param $p %s) (result %s) (local $a %s)\n"
      "(local.set $a (call $alloc))\n"
      "(memory.copy (local.get $a) (local.get $p) (%s.const %u))\n"
      "(local.get $a))\n",
      g->ptr, g->ptr, g->ptr, g->ptr, g->layout->size);
}

static void func_slots(const gen *g)
{
    P("(func $must (param i32) (if (i32.eqz (local.get 0)) "
      "(then unreachable)))\n");
    P("(func $check");
    slot_params(g);
    P("\n");
    walk(g, &checking, g->func->all, 0, 0);
    P(")\n(func $spill");
    slot_params(g);
    P(" (result %s) (local $a %s)\n(local.set $a (call $alloc))\n", g->ptr,
      g->ptr);
    walk(g, &storing, g->func->all, 0, 0);
    P("(local.get $a))\n(func $unspill (param $a %s)", g->ptr);
    slot_types(g, "result");
    for (uint32_t i = 0; i < g->layout->n_flat; i++)
        P(" (local $p%u %s)", i, core_type(g->layout->flat[i]));
    P("\n");
    walk(g, &loading, g->func->all, 0, 0);
    get_params(g);
    P(")\n");
}

/* Gives back the value that lies at the address. */
static void finish_at(const gen *g, const char *address)
{
    bool one = g->layout->n_flat == 1;
    if (g->link->lift == RT_SYNC)
        P(one ? "(call $unspill %s)" : "%s", address);
    else
        P(spilled(g) ? "(call $return %s)"
                     : "(call $return (call $unspill %s))",
          address);
    P(g->link->lift == RT_CALLBACK ? " (i32.const 0 (; EXIT ;))\n" : "\n");
}

/* --- The last link: gives back what it got ----------------------------------
 */

static void last_slots(const gen *g)
{
    bool copies = g->link->copies;
    if (g->link->lift == RT_SYNC && g->layout->n_flat > 1)
        P("(call $spill");
    else if (g->link->lift != RT_SYNC)
        P("(call $return");
    if (copies)
        P(" (call $unspill (call $spill");
    get_params(g);
    P(copies ? "))" : "");
    if (g->link->lift != RT_SYNC || g->layout->n_flat > 1)
        P(")");
    P(g->link->lift == RT_CALLBACK ? " (i32.const 0 (; EXIT ;))\n" : "\n");
}

static void last_body(const gen *g)
{
    if (g->chain->mutates) {
        P("(local $r %s)\n(local.set $r %s", g->ptr,
          spilled(g) ? "" : "(call $spill");
        get_params(g);
        P("%s)\n(call $mutate)\n", spilled(g) ? "" : ")");
        finish_at(g, "(local.get $r)");
    } else if (!spilled(g)) {
        last_slots(g);
    } else {
        finish_at(g, g->link->copies ? "(call $copy (local.get $p0))"
                                     : "(local.get $p0)");
    }
}

/* YIELD first; the callback finds the parameters in globals. */
static void last_yielding(const gen *g)
{
    uint32_t n = spilled(g) ? 1 : g->layout->n_flat;
    for (uint32_t i = 0; i < n; i++) {
        const char *t = spilled(g) ? g->ptr : core_type(g->layout->flat[i]);
        P("(global $g%u (mut %s) (%s.const 0))\n", i, t, t);
    }
    P("(func $resumed");
    declare_params(g);
    P(" (result i32)\n");
    last_body(g);
    P(")\n(func (export \"cb\") (param i32 i32 i32) (result i32)\n"
      "(call $must (i32.eqz (local.get 0)))\n(call $resumed");
    for (uint32_t i = 0; i < n; i++)
        P(" (global.get $g%u)", i);
    P("))\n(func (export \"f\")");
    declare_params(g);
    P(" (result i32)\n");
    for (uint32_t i = 0; i < n; i++)
        P("(global.set $g%u (local.get $p%u))\n", i, i);
    P("(i32.const 1 (; YIELD ;)))\n");
}

/* --- The others: call the next ----------------------------------------------
 */

/* Whether the result of the call comes back as a core value. */
static bool comes_flat(const gen *g)
{
    return !g->link->async_lower && g->layout->n_flat == 1;
}

static void call_next(const gen *g)
{
    bool spills = g->link->async_lower && !spilled(g) && g->layout->n_flat > 4;
    P("(call $next %s", spills ? "(call $spill" : "");
    get_params(g);
    P("%s%s)", spills ? ")" : "", comes_flat(g) ? "" : " (local.get $r)");
}

/* Waits for the subtask of a status that is not RETURNED. */
static void func_wait(const gen *g)
{
    P("(func $set-of (param $s i32) (result i32) (local $set i32)\n"
      "(local.set $set (call $waitable-set.new))\n"
      "(call $waitable.join (i32.shr_u (local.get $s) (i32.const 4)) "
      "(local.get $set))\n"
      "(local.get $set))\n"
      "(func $drop (param $sub i32) (param $set i32)\n"
      "(call $subtask.drop (local.get $sub))\n"
      "(call $waitable-set.drop (local.get $set)))\n"
      "(func $wait (param $s i32) (local $set i32) (local $sub i32)\n"
      "(if (i32.eq (local.get $s) (i32.const 2 (; RETURNED ;))) (then "
      "return))\n"
      "(local.set $sub (i32.shr_u (local.get $s) (i32.const 4)))\n"
      "(local.set $set (call $set-of (local.get $s)))\n"
      "(loop $more\n"
      "(call $must (i32.eq (i32.const 1 (; SUBTASK ;)) "
      "(call $waitable-set.wait (local.get $set) (%s.const 0))))\n"
      "(call $must (i32.eq (local.get $sub) (i32.load (%s.const 0))))\n"
      "(br_if $more (i32.ne (i32.const 2) (i32.load (%s.const 4)))))\n"
      "(call $drop (local.get $sub) (local.get $set)))\n",
      g->ptr, g->ptr, g->ptr);
}

/* WAIT for the subtask; the callback goes on. */
static void waiting_callback(const gen *g)
{
    P("(global $r (mut %s) (%s.const 0))\n"
      "(global $set (mut i32) (i32.const 0))\n"
      "(func (export \"cb\") (param $event i32) (param $sub i32) "
      "(param $state i32) (result i32)\n"
      "(call $must (i32.eq (local.get $event) (i32.const 1)))\n"
      "(if (i32.ne (local.get $state) (i32.const 2)) (then (return (i32.or "
      "(i32.const 2 (; WAIT ;)) (i32.shl (global.get $set) "
      "(i32.const 4))))))\n"
      "(call $drop (local.get $sub) (global.get $set))\n",
      g->ptr, g->ptr);
    finish_at(g, "(global.get $r)");
    P(")\n");
}

static void relay_async(const gen *g)
{
    P("(local.set $s ");
    call_next(g);
    P(")\n");
    if (g->link->lift != RT_CALLBACK) {
        P("(call $wait (local.get $s))\n");
        return;
    }
    P("(if (i32.ne (local.get $s) (i32.const 2)) (then\n"
      "(global.set $r (local.get $r))\n"
      "(global.set $set (call $set-of (local.get $s)))\n"
      "(return (i32.or (i32.const 2 (; WAIT ;)) (i32.shl (global.get $set) "
      "(i32.const 4))))))\n");
}

static void relay_body(const gen *g)
{
    if (comes_flat(g)) {
        bool returns = g->link->lift != RT_SYNC;
        P(returns ? "(call $return " : "");
        call_next(g);
        P(returns ? ")" : "");
        P(g->link->lift == RT_CALLBACK ? " (i32.const 0 (; EXIT ;))\n" : "\n");
        return;
    }
    P("(local $r %s) (local $s i32)\n(local.set $r (call $alloc))\n", g->ptr);
    if (g->link->async_lower) {
        relay_async(g);
    } else {
        call_next(g);
        P("\n");
    }
    finish_at(g, g->link->copies ? "(call $copy (local.get $r))"
                                 : "(local.get $r)");
}

/* --- The core module --------------------------------------------------------
 */

static bool waits(const gen *g)
{
    return !g->last && g->link->async_lower;
}

static void core_imports(const gen *g)
{
    const char *p = g->ptr;
    P("(import \"\" \"mem\" (memory %s 1))\n", g->is64 ? "i64" : "");
    P("(import \"\" \"realloc\" (func $realloc (param %s %s %s %s) "
      "(result %s)))\n",
      p, p, p, p, p);
    P("(import \"\" \"reset\" (func $reset))\n"
      "(import \"\" \"mutate\" (func $mutate))\n");
    if (g->link->lift != RT_SYNC) {
        P("(import \"\" \"return\" (func $return");
        if (spilled(g))
            P(" (param %s)", p);
        else
            slot_types(g, "param");
        P("))\n");
    }
    if (g->last)
        return;
    P("(import \"\" \"next\" (func $next");
    if (spilled(g) || (g->link->async_lower && g->layout->n_flat > 4))
        P(" (param %s)", p);
    else
        slot_types(g, "param");
    if (comes_flat(g))
        slot_types(g, "result");
    else
        P(" (param %s)%s", p, g->link->async_lower ? " (result i32)" : "");
    P("))\n");
    if (waits(g))
        P("(import \"\" \"waitable-set.new\" (func $waitable-set.new "
          "(result i32)))\n"
          "(import \"\" \"waitable-set.wait\" (func $waitable-set.wait "
          "(param i32 %s) (result i32)))\n"
          "(import \"\" \"waitable-set.drop\" (func $waitable-set.drop "
          "(param i32)))\n"
          "(import \"\" \"waitable.join\" (func $waitable.join "
          "(param i32 i32)))\n"
          "(import \"\" \"subtask.drop\" (func $subtask.drop (param i32)))\n",
          p);
}

static void core_result(const gen *g)
{
    if (g->link->lift == RT_CALLBACK)
        P(" (result i32)");
    else if (g->link->lift == RT_SYNC && g->layout->n_flat == 1)
        slot_types(g, "result");
    else if (g->link->lift == RT_SYNC)
        P(" (result %s)", g->ptr);
}

static void core_main(const gen *g)
{
    if (g->last && g->link->lift == RT_CALLBACK && g->link->yields) {
        last_yielding(g);
        return;
    }
    bool calls_back = g->link->lift == RT_CALLBACK;
    if (calls_back && waits(g))
        waiting_callback(g);
    else if (calls_back)
        P("(func (export \"cb\") (param i32 i32 i32) (result i32) "
          "unreachable)\n");
    P("(func $body");
    declare_params(g);
    core_result(g);
    P("\n");
    if (g->last)
        last_body(g);
    else
        relay_body(g);
    P(")\n(func (export \"f\")");
    declare_params(g);
    core_result(g);
    P("\n");
    if (!spilled(g)) {
        P("(call $check");
        get_params(g);
        P(")\n");
    }
    P("(call $body");
    get_params(g);
    P("))\n");
}

static void core_module(const gen *g)
{
    P("(core module $M\n");
    core_imports(g);
    func_alloc(g);
    if (!spilled(g))
        func_slots(g);
    else
        P("(func $must (param i32) (if (i32.eqz (local.get 0)) "
          "(then unreachable)))\n");
    if (waits(g))
        func_wait(g);
    core_main(g);
    if (g->link->post_return) {
        P("(func (export \"post\") (param %s) (call $reset))\n",
          g->layout->n_flat == 1 ? core_type(g->layout->flat[0]) : g->ptr);
    }
    P(")\n");
}

/* --- Memory -----------------------------------------------------------------
 */

#define MAX_PAGES 256

/* A bump allocator that grows the memory and then begins again at the start:
 * what is live at a time is far less than the memory. It trusts no argument. */
static void core_memory(const gen *g)
{
    const char *p = g->ptr;
    P("(core module $Libc\n(memory (export \"mem\") %s 1 %u)\n"
      "(global $top (mut %s) (%s.const 1024))\n"
      "(global $poke (mut i32) (i32.const 0))\n"
      "(global $xor (mut i32) (i32.const 0))\n"
      "(func (export \"reset\") (global.set $top (%s.const 1024)))\n"
      "(func (export \"poke\") (param i32 i32)\n"
      "(global.set $poke (local.get 0)) (global.set $xor (local.get 1)))\n",
      g->is64 ? "i64" : "", MAX_PAGES, p, p, p);
    /* one of the last 2048 bytes allocated */
    P("(func (export \"mutate\") (local $at i32)\n"
      "(local.set $at (i32.sub %s(global.get $top)%s (i32.add (i32.const 1) "
      "(global.get $poke))))\n"
      "(if (i32.lt_s (local.get $at) (i32.const 1024)) (then return))\n"
      "(i32.store8 %s(local.get $at)%s (i32.xor (global.get $xor) "
      "(i32.load8_u %s(local.get $at)%s))))\n",
      g->is64 ? "(i32.wrap_i64 " : "", g->is64 ? ")" : "",
      g->is64 ? "(i64.extend_i32_u " : "", g->is64 ? ")" : "",
      g->is64 ? "(i64.extend_i32_u " : "", g->is64 ? ")" : "");
    P("(func $size (result %s) (%s.mul (memory.size) (%s.const 65536)))\n", p,
      p, p);
    P("(func $place (param $align %s) (result %s)\n"
      "(%s.and (%s.add (global.get $top) (%s.sub (local.get $align) "
      "(%s.const 1))) (%s.sub (%s.const 0) (local.get $align))))\n",
      p, p, p, p, p, p, p, p);
    P("(func (export \"realloc\") (param $old %s) (param $n %s) "
      "(param $align %s) (param $new %s) (result %s) (local $at %s)\n",
      p, p, p, p, p, p);
    P("(if (%s.ne (%s.popcnt (local.get $align)) (%s.const 1)) "
      "(then unreachable))\n"
      "(if (%s.gt_u (local.get $align) (%s.const 8)) (then unreachable))\n"
      "(if (%s.ne (local.get $n) (%s.const 0)) (then "
      "(if (%s.eqz (local.get $old)) (then unreachable))\n",
      p, p, p, p, p, p, p, p);
    if (!g->link->moving)
        P("(if (%s.le_u (local.get $new) (local.get $n)) "
          "(then (return (local.get $old))))\n",
          p);
    P("))\n");
    if (g->link->encoding == RT_LATIN1_UTF16) /* shrinks with alignment 1 */
        P("(if (%s.eq (local.get $align) (%s.const 1)) "
          "(then (local.set $align (%s.const 2))))\n",
          p, p, p);
    P("(local.set $at (call $place (local.get $align)))\n"
      "(if (%s.gt_u (%s.add (local.get $at) (local.get $new)) (call $size)) "
      "(then\n"
      "(if (%s.eq (%s.const -1) (memory.grow (%s.div_u (%s.add "
      "(local.get $new) (%s.const 65544)) (%s.const 65536)))) (then\n"
      "(global.set $top (%s.const 1024))\n"
      "(local.set $at (call $place (local.get $align)))))))\n"
      "(global.set $top (%s.add (local.get $at) (local.get $new)))\n"
      "(if (%s.gt_u (global.get $top) (call $size)) (then unreachable))\n",
      p, p, p, p, p, p, p, p, p, p, p);
    P("(memory.copy (local.get $at) (local.get $old) (select (local.get $n) "
      "(local.get $new) (%s.lt_u (local.get $n) (local.get $new))))\n"
      "(local.get $at)))\n",
      p);
}

/* --- Components -------------------------------------------------------------
 */

static void import_types(const rt_func *func, sl_buf *out)
{
    for (uint32_t i = 0; i < func->n_named; i++) {
        sl_buf_printf(out, "(type $d%u ", i);
        rt_print_definition(func->named[i], out);
        sl_buf_printf(out, ") (import \"t%u\" (type $t%u (eq $d%u)))\n", i, i,
                      i);
    }
}

static void func_type(const gen *g, const char *name, bool async_type)
{
    P("(type $%s (func %s", name, async_type ? "async " : "");
    rt_print_signature(g->func, g->out);
    P("))\n");
}

static void options(const gen *g)
{
    P(" (memory $libc \"mem\") string-encoding=%s",
      encodings[g->link->encoding]);
}

static void canon_imports(const gen *g)
{
    if (g->link->lift != RT_SYNC) {
        P("(core func $return (canon task.return (result ");
        rt_print(g->func->result, g->out);
        P(")");
        options(g);
        P("))\n");
    }
    if (g->last)
        return;
    P("(core func $next (canon lower (func $next) "
      "(realloc (func $libc \"realloc\")) %s",
      g->link->async_lower ? "async" : "");
    options(g);
    P("))\n");
    if (waits(g))
        P("(core func $waitable-set.new (canon waitable-set.new))\n"
          "(core func $waitable-set.wait (canon waitable-set.wait "
          "(memory $libc \"mem\")))\n"
          "(core func $waitable-set.drop (canon waitable-set.drop))\n"
          "(core func $waitable.join (canon waitable.join))\n"
          "(core func $subtask.drop (canon subtask.drop))\n");
}

static void instantiate_core(const gen *g)
{
    P("(core instance $m (instantiate $M (with \"\" (instance\n"
      "(export \"mem\" (memory $libc \"mem\"))\n"
      "(export \"realloc\" (func $libc \"realloc\"))\n"
      "(export \"reset\" (func $libc \"reset\"))\n"
      "(export \"mutate\" (func $libc \"mutate\"))\n");
    if (g->link->lift != RT_SYNC)
        P("(export \"return\" (func $return))\n");
    if (!g->last)
        P("(export \"next\" (func $next))\n");
    if (waits(g))
        P("(export \"waitable-set.new\" (func $waitable-set.new))\n"
          "(export \"waitable-set.wait\" (func $waitable-set.wait))\n"
          "(export \"waitable-set.drop\" (func $waitable-set.drop))\n"
          "(export \"waitable.join\" (func $waitable.join))\n"
          "(export \"subtask.drop\" (func $subtask.drop))\n");
    P("))))\n");
}

static void lift(const gen *g)
{
    P("(func $f (type $F) (canon lift (core func $m \"f\") "
      "(realloc (func $libc \"realloc\"))");
    options(g);
    if (g->link->lift != RT_SYNC)
        P(" async");
    if (g->link->lift == RT_CALLBACK)
        P(" (callback (func $m \"cb\"))");
    if (g->link->post_return)
        P(" (post-return (func $m \"post\"))");
    P("))\n(export \"f\" (func $f))\n");
    if (g->last && g->chain->mutates)
        P("(func $poke (param \"at\" u32) (param \"xor\" u32) "
          "(canon lift (core func $libc \"poke\")))\n"
          "(export \"poke\" (func $poke))\n");
}

static void component(const gen *g, uint32_t index)
{
    P("(component $C%u\n", index);
    import_types(g->func, g->out);
    func_type(g, "F", g->link->async_type);
    if (!g->last) {
        func_type(g, "N", g->next_async);
        P("(import \"next\" (func $next (type $N)))\n");
    }
    core_memory(g);
    P("(core instance $libc (instantiate $Libc))\n");
    canon_imports(g);
    core_module(g);
    instantiate_core(g);
    lift(g);
    P(")\n");
}

static gen gen_of(const rt_chain *chain, const rt_func *func, uint32_t i,
                  sl_buf *out)
{
    const rt_link *link = &chain->link[i];
    bool end = i + 1 == chain->n;
    return (gen){
        .out = out,
        .func = func,
        .chain = chain,
        .link = link,
        .layout = &func->all->layout[link->is64],
        .last = end && !chain->to_host,
        .next_async = end ? chain->host_async : chain->link[i + 1].async_type,
        .is64 = link->is64,
        .ptr = link->is64 ? "i64" : "i32",
    };
}

static void instance(const gen *g, uint32_t index)
{
    P("(instance $i%u (instantiate $C%u", index, index);
    for (uint32_t i = 0; i < g->func->n_named; i++)
        P(" (with \"t%u\" (type $t%u))", i, i);
    if (index + 1 < g->chain->n)
        P(" (with \"next\" (func $i%u \"f\"))", index + 1);
    else if (g->chain->to_host)
        P(" (with \"next\" (func $h))");
    P("))\n");
}

void rt_chain_print(const rt_chain *chain, const rt_func *func, sl_buf *out)
{
    gen outer = gen_of(chain, func, 0, out), *g = &outer;
    P("(component\n");
    import_types(func, out);
    if (chain->to_host) {
        func_type(g, "H", chain->host_async);
        P("(import \"h\" (func $h (type $H)))\n");
    }
    for (uint32_t i = chain->n; i-- > 0;) {
        gen inner = gen_of(chain, func, i, out);
        component(&inner, i);
        instance(&inner, i);
    }
    P("(export \"f\" (func $i0 \"f\"))\n");
    if (chain->mutates && !chain->to_host)
        P("(export \"poke\" (func $i%u \"poke\"))\n", chain->n - 1);
    P(")\n");
}
