#include "fixture.h"

void fixture_open(fixture *f, const sl_core_limits *limits)
{
    *f = (fixture){0};
    f->store = sl_core_store_new(limits, &f->err);
    assert_non_null(f->store);
    assert_int_equal(sl_core_thread_init(&f->thread, f->store, STACK_SLOTS,
                                         &f->trap, &f->err),
                     SL_OK);
}

void fixture_close(fixture *f)
{
    sl_core_thread_deinit(&f->thread);
    sl_core_store_free(f->store);
    for (uint32_t i = 0; i < f->n_modules; i++) {
        sl_module_free(f->modules[i]);
        sl_buf_deinit(&f->bytes[i]);
    }
}

const sl_module *module_of(fixture *f, const char *text)
{
    assert_true(f->n_modules < MODULES_MAX);
    uint32_t i = f->n_modules++;
    sl_buf_init(&f->bytes[i]);
    sl_text_parse(sl_name_of(text), &f->bytes[i], &f->err);
    assert_string_equal(f->err.msg, "");
    f->modules[i] = sl_module_decode(f->bytes[i].data, f->bytes[i].len, 0,
                                     &sl_core_features_all, &f->err);
    assert_string_equal(f->err.msg, "");
    return f->modules[i];
}

sl_core_instance *instance_of(fixture *f, const char *text,
                              const sl_core_extern *imports)
{
    sl_core_instance *instance = NULL;
    sl_core_instantiate(&f->thread, module_of(f, text), imports, &instance,
                        &f->err);
    assert_string_equal(f->err.msg, "");
    assert_non_null(instance);
    return instance;
}

sl_core_extern export_of(const sl_core_instance *instance, const char *name)
{
    sl_core_extern item;
    assert_true(sl_core_instance_export(instance, sl_name_of(name), &item));
    return item;
}

sl_core_func *func_of(const sl_core_instance *instance, const char *name)
{
    sl_core_extern item = export_of(instance, name);
    assert_int_equal(item.kind, SL_CORE_FUNC);
    return item.of.func;
}

sl_core_extern extern_func(sl_core_func *func)
{
    sl_core_extern item = {.kind = SL_CORE_FUNC};
    item.of.func = func;
    return item;
}

sl_status call(fixture *f, const sl_core_instance *instance, const char *name,
               uint64_t a, uint64_t b, uint64_t *result)
{
    sl_slot vals[16] = {{.i64 = a}, {.i64 = b}};
    sl_core_func *func = func_of(instance, name);
    sl_status st = sl_core_call(&f->thread, func, vals);
    const sl_functype *type = sl_core_func_type(func);
    if (st == SL_OK && type->n_results != 0) {
        bool narrow = sl_functype_results(type)[0] == SL_I32 ||
                      sl_functype_results(type)[0] == SL_F32;
        *result = narrow ? vals[0].i32 : vals[0].i64;
    }
    return st;
}

void expect(fixture *f, const sl_core_instance *instance, const char *name,
            uint64_t a, uint64_t b, uint64_t result)
{
    uint64_t got = 0;
    sl_status st = call(f, instance, name, a, b, &got);
    assert_string_equal(f->trap.err.msg, "");
    assert_int_equal(st, SL_OK);
    assert_true(got == result);
}

void expect_trap(fixture *f, const sl_core_instance *instance, const char *name,
                 uint64_t a, const char *message)
{
    uint64_t got;
    assert_int_equal(call(f, instance, name, a, 0, &got), SL_ETRAP);
    assert_string_equal(f->trap.err.msg, message);
    assert_int_equal(f->trap.err.code, SL_ETRAP);
    assert_ptr_equal(f->thread.sp, f->thread.stack);
    assert_null(f->thread.frame);
}
