/* The realloc calls that lowering a string makes, one by one, compared with a
 * table from the executable reference (realloc.py).
 *
 *   realloc TABLE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice/sluice.h"
#include "text/text.h"

enum { MAX_LINE = 4096, MAX_BYTES = 512 };

static void fatal(const char *what, const char *detail)
{
    fprintf(stderr, "realloc: %s: %s\n", what, detail);
    exit(2);
}

/* --- The components
 * ----------------------------------------------------------- */

/* Gives back the calls (five numbers each), then pointer and length, and the
 * bytes. The log lies at 16, behind the result. */
static const char target_text[] =
    "(component $T\n"
    "(core module $M (memory (export \"mem\") 1)\n"
    "(global $top (mut i32) (i32.const 1024))\n"
    "(global $log (mut i32) (i32.const 16))\n"
    "(func $put (param i32)\n"
    " (i32.store (global.get $log) (local.get 0))\n"
    " (global.set $log (i32.add (global.get $log) (i32.const 4))))\n"
    "(func (export \"realloc\") (param $old i32) (param $n i32)\n"
    "  (param $align i32) (param $new i32) (result i32) (local $at i32)\n"
    " (local.set $at (i32.and (i32.add (global.get $top) (i32.sub\n"
    "  (local.get $align) (i32.const 1))) (i32.sub (i32.const 0)\n"
    "  (local.get $align))))\n"
    " (global.set $top (i32.add (local.get $at) (local.get $new)))\n"
    " (memory.copy (local.get $at) (local.get $old) (select (local.get $n)\n"
    "  (local.get $new) (i32.lt_u (local.get $n) (local.get $new))))\n"
    " (call $put (local.get $old)) (call $put (local.get $n))\n"
    " (call $put (local.get $align)) (call $put (local.get $new))\n"
    " (call $put (local.get $at)) (local.get $at))\n"
    "(func (export \"f\") (param $ptr i32) (param $units i32) (result i32)\n"
    " (local $size i32)\n"
    " (call $put (local.get $ptr)) (call $put (local.get $units))\n"
    " (local.set $size (local.get $units))\n"
    " (if (i32.or (i32.const %d) (i32.and (i32.const %d)\n"
    "   (i32.lt_s (local.get $units) (i32.const 0))))\n"
    "  (then (local.set $size (i32.mul (local.get $units)\n"
    "   (i32.const 2)))))\n"
    " (i32.store (i32.const 0) (i32.const 16))\n"
    " (i32.store (i32.const 4) (i32.shr_u (i32.sub (global.get $log)\n"
    "  (i32.const 16)) (i32.const 2)))\n"
    " (i32.store (i32.const 8) (local.get $ptr))\n"
    " (i32.store (i32.const 12) (local.get $size))\n"
    " (global.set $top (i32.const 1024)) (global.set $log (i32.const 16))\n"
    " (i32.const 0)))\n"
    "(core instance $m (instantiate $M))\n"
    "(func (export \"f\") (param \"s\" string)\n"
    " (result (tuple (list u32) (list u8)))\n"
    " (canon lift (core func $m \"f\") (memory $m \"mem\")\n"
    "  (realloc (func $m \"realloc\")) string-encoding=%s)))\n";

/* Takes bytes and a length, and passes them off as a string. */
static const char source_text[] =
    "(component $S\n"
    "(import \"f\" (func $f (param \"s\" string)\n"
    " (result (tuple (list u32) (list u8)))))\n"
    "(core module $Memory (memory (export \"mem\") 1)\n"
    "(global $top (mut i32) (i32.const 1024))\n"
    "(func (export \"reset\") (param i32)\n"
    " (global.set $top (i32.const 1024)))\n"
    "(func (export \"realloc\") (param i32 i32 i32 i32) (result i32)\n"
    " (local $at i32)\n"
    " (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7))\n"
    "  (i32.const -8)))\n"
    " (global.set $top (i32.add (local.get $at) (local.get 3)))\n"
    " (local.get $at)))\n"
    "(core instance $memory (instantiate $Memory))\n"
    "(core func $f (canon lower (func $f) (memory $memory \"mem\")\n"
    " (realloc (func $memory \"realloc\")) string-encoding=%s))\n"
    "(core module $M\n"
    "(import \"\" \"f\" (func $f (param i32 i32 i32)))\n"
    "(func (export \"run\") (param $ptr i32) (param i32) (param $units i32)\n"
    " (result i32)\n"
    " (call $f (local.get $ptr) (local.get $units) (i32.const 0))\n"
    " (i32.const 0)))\n"
    "(core instance $m (instantiate $M (with \"\" (instance\n"
    " (export \"f\" (func $f))))))\n"
    "(func $run (param \"bytes\" (list u8)) (param \"units\" u32)\n"
    " (result (tuple (list u32) (list u8)))\n"
    " (canon lift (core func $m \"run\") (memory $memory \"mem\")\n"
    "  (realloc (func $memory \"realloc\"))\n"
    "  (post-return (func $memory \"reset\"))))\n"
    "(export \"run\" (func $run)))\n";

static void print(sl_buf *out, const char *source, const char *target)
{
    bool wide = strcmp(target, "utf16") == 0;
    bool either = strcmp(target, "latin1+utf16") == 0;
    sl_buf_printf(out, "(component\n");
    sl_buf_printf(out, target_text, wide, either, target);
    sl_buf_printf(out, source_text, source);
    sl_buf_printf(out, "(instance $t (instantiate $T))\n"
                       "(instance $s (instantiate $S (with \"f\" "
                       "(func $t \"f\"))))\n"
                       "(export \"direct\" (func $t \"f\"))\n"
                       "(export \"run\" (func $s \"run\")))\n");
}

typedef struct bench {
    char source[16], target[16];
    sluice_engine *engine;
    sluice_component *component;
    sluice_store *store;
    sluice_func *direct, *run;
} bench;

static void bench_close(bench *b)
{
    sluice_store_free(b->store);
    sluice_component_free(b->component);
    b->store = NULL;
    b->component = NULL;
}

static void bench_open(bench *b, const char *source, const char *target)
{
    sluice_error error;
    sl_err err = {0};
    sl_buf text, binary;
    if (b->store != NULL && strcmp(b->source, source) == 0 &&
        strcmp(b->target, target) == 0)
        return;
    bench_close(b);
    sl_buf_init(&text);
    sl_buf_init(&binary);
    print(&text, source, target);
    if (!sl_text_parse((sl_name){(char *)text.data, text.len}, &binary, &err))
        fatal("text", err.msg);
    b->component = sluice_component_from_buffer(b->engine, binary.data,
                                                binary.len, true, &error);
    if (b->component == NULL)
        fatal("component", error.message);
    b->store = sluice_store_new(b->engine, NULL, &error);
    if (b->store == NULL)
        fatal("store", error.message);
    sluice_instance *inst =
        sluice_instantiate(b->store, NULL, b->component, &error);
    if (inst == NULL)
        fatal("instance", error.message);
    b->direct = sluice_instance_func(inst, "direct");
    b->run = sluice_instance_func(inst, "run");
    snprintf(b->source, sizeof b->source, "%s", source);
    snprintf(b->target, sizeof b->target, "%s", target);
    sl_buf_deinit(&text);
    sl_buf_deinit(&binary);
}

/* --- A row
 * -------------------------------------------------------------------- */

typedef struct row {
    char *kind, *bytes, *units, *target, *calls, *ptr, *stored_units, *stored;
} row;

static bool split(char *line, row *out)
{
    char **field = &out->kind;
    for (int i = 0; i < 8; i++)
        if ((field[i] = strsep(&line, "\t\n")) == NULL)
            return false;
    return true;
}

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    unsigned byte;
    for (; n < MAX_BYTES && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        out[n] = (uint8_t)byte;
    return n;
}

/* The result in the table's words. */
static void describe(const sluice_val *result, sl_buf *out)
{
    const sluice_val *log = &result->of.list.items[0];
    const sluice_val *bytes = &result->of.list.items[1];
    const uint32_t *n = log->of.bytes.data;
    size_t len = log->of.bytes.len, i = 0;
    for (; i + 5 <= len; i += 5)
        sl_buf_printf(out, "%s%u,%u,%u,%u=%u", i == 0 ? "" : " ", n[i],
                      n[i + 1], n[i + 2], n[i + 3], n[i + 4]);
    for (; i < len; i++)
        sl_buf_printf(out, "\t%u", n[i]);
    sl_buf_printf(out, "\t");
    for (size_t k = 0; k < bytes->of.bytes.len; k++)
        sl_buf_printf(out, "%02x", ((const uint8_t *)bytes->of.bytes.data)[k]);
    sl_buf_u8(out, '\0');
}

static bool compare(const row *r, const char *from, sluice_status st,
                    const sluice_error *error, const sluice_val *result)
{
    sl_buf want, have;
    sl_buf_init(&want);
    sl_buf_init(&have);
    sl_buf_printf(&want, "%s\t%s\t%s\t%s", r->calls, r->ptr, r->stored_units,
                  r->stored);
    sl_buf_u8(&want, '\0');
    if (st == SLUICE_OK)
        describe(result, &have);
    else
        sl_buf_printf(&have, "%s%c", error->message, '\0');
    bool same = strcmp((char *)want.data, (char *)have.data) == 0;
    if (!same)
        printf("FAIL %s %s %s -> %s\n  want %s\n  have %s\n", from, r->bytes,
               r->units, r->target, (char *)want.data, (char *)have.data);
    sl_buf_deinit(&want);
    sl_buf_deinit(&have);
    return same;
}

static bool run_guest(bench *b, const row *r, const uint8_t *bytes, size_t len)
{
    sluice_error error;
    sluice_val args[2] = {{0}, {.kind = SLUICE_U32}}, result = {0};
    args[1].of.u32 = (uint32_t)strtoul(r->units, NULL, 10);
    if (!sluice_val_bytes(&args[0], SLUICE_U8, bytes, len))
        fatal("out of memory", r->bytes);
    sluice_status st = sluice_func_call_wait(b->run, args, 2, &result, &error);
    bool ok = compare(r, r->kind, st, &error, &result);
    sluice_val_deinit(&result);
    return ok;
}

static bool run_host(bench *b, const row *r, const uint8_t *bytes, size_t len)
{
    sluice_error error;
    sluice_val arg, result = {0};
    if (!sluice_val_string(&arg, (const char *)bytes, len))
        fatal("out of memory", r->bytes);
    sluice_status st =
        sluice_func_call_wait(b->direct, &arg, 1, &result, &error);
    bool ok = compare(r, "host", st, &error, &result);
    sluice_val_deinit(&result);
    return ok;
}

int main(int argc, char **argv)
{
    char line[MAX_LINE];
    unsigned n[2] = {0, 0};
    sluice_error error;
    bench b = {0};
    FILE *table = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (table == NULL)
        fatal("cannot open", argc == 2 ? argv[1] : "a table");
    b.engine = sluice_engine_new(NULL, &error);
    if (b.engine == NULL)
        fatal("engine", error.message);
    while (fgets(line, sizeof line, table) != NULL) {
        row r;
        uint8_t bytes[MAX_BYTES];
        if (!split(line, &r))
            fatal("not a row", line);
        bool is16 = strcmp(r.kind, "utf16") == 0;
        bool is8 = strcmp(r.kind, "utf8") == 0;
        size_t len = from_hex(r.bytes, bytes);
        bench_open(&b,
                   is8    ? "utf8"
                   : is16 ? "utf16"
                          : "latin1+utf16",
                   r.target);
        n[run_guest(&b, &r, bytes, len)]++;
        if (is8) /* the host's strings are UTF-8 as well */
            n[run_host(&b, &r, bytes, len)]++;
    }
    fclose(table);
    bench_close(&b);
    sluice_engine_free(b.engine);
    printf("%u passed, %u failed, 0 skipped\n", n[1], n[0]);
    return n[0] != 0;
}
