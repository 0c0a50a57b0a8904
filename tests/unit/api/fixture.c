#include "fixture.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "text/text.h"

void to_binary(const char *text, sl_buf *out)
{
    sl_err err = {0};
    sl_buf_init(out);
    if (!sl_text_parse((sl_name){text, strlen(text)}, out, &err))
        fail_msg("%s at %llu", err.msg, (unsigned long long)err.at);
}

void fixture_init_with(fixture *f, const char *text, const char *feature,
                       struct uv_loop_s *loop)
{
    sl_buf binary;
    *f = (fixture){0};
    to_binary(text, &binary);
    f->engine = sluice_engine_new(NULL, &f->error);
    assert_non_null(f->engine);
    if (feature != NULL)
        assert_true(sluice_engine_set_feature(f->engine, feature, true));
    f->component = sluice_component_from_buffer(f->engine, binary.data,
                                                binary.len, true, &f->error);
    sl_buf_deinit(&binary);
    if (f->component == NULL)
        fail_msg("%s", f->error.message);
    f->linker = sluice_linker_new(f->engine, &f->error);
    f->store = sluice_store_new(f->engine, loop, &f->error);
    assert_non_null(f->linker);
    assert_non_null(f->store);
}

void fixture_init_on(fixture *f, const char *text, struct uv_loop_s *loop)
{
    fixture_init_with(f, text, NULL, loop);
}

void fixture_init(fixture *f, const char *text)
{
    fixture_init_on(f, text, NULL);
}

void fixture_instantiate(fixture *f)
{
    f->instance =
        sluice_instantiate(f->store, f->linker, f->component, &f->error);
    if (f->instance == NULL)
        fail_msg("%s", f->error.message);
}

void fixture_deinit(fixture *f)
{
    sluice_store_free(f->store);
    sluice_linker_free(f->linker);
    sluice_component_free(f->component);
    sluice_engine_free(f->engine);
}

sluice_func *func_of(fixture *f, const char *name)
{
    sluice_func *func = sluice_instance_func(f->instance, name);
    if (func == NULL)
        fail_msg("no function %s", name);
    return func;
}

sluice_status call(fixture *f, const char *name, sluice_val *arg,
                   sluice_val *result)
{
    return sluice_func_call_wait(func_of(f, name), arg, arg != NULL, result,
                                 &f->error);
}

sluice_val u32_val(uint32_t x)
{
    return (sluice_val){.kind = SLUICE_U32, .of.u32 = x};
}

uint32_t call_u32(fixture *f, const char *name, uint32_t x)
{
    sluice_val arg = u32_val(x), result = {0};
    if (call(f, name, &arg, &result) != SLUICE_OK)
        fail_msg("%s: %s", name, f->error.message);
    assert_int_equal(result.kind, SLUICE_U32);
    return result.of.u32;
}

void keep(void *arg, const sluice_error *error, sluice_val *result)
{
    outcome *out = arg;
    out->done = true;
    out->times++;
    out->error = *error;
    if (result != NULL) {
        out->result = *result;
        *result = (sluice_val){0};
    }
}

sluice_pending *begin(fixture *f, const char *name, sluice_val *arg,
                      outcome *out)
{
    sluice_pending *pending = NULL;
    *out = (outcome){0};
    if (sluice_func_call(func_of(f, name), arg, arg != NULL, keep, out,
                         &pending, &f->error) != SLUICE_OK)
        fail_msg("%s: %s", name, f->error.message);
    assert_false(out->done); /* never from inside the call */
    return pending;
}

sluice_status finish(fixture *f, outcome *out)
{
    if (sluice_store_run(f->store, &out->done) != SLUICE_OK)
        return SLUICE_EDEADLOCK;
    assert_int_equal(out->times, 1);
    return out->error.status;
}

int count_fds(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

void fill_bytes(uint8_t *to, size_t len)
{
    uint32_t x = 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        to[i] = (uint8_t)(x >> 24);
    }
}

uint64_t sum_bytes(const uint8_t *bytes, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum += bytes[i];
    return sum;
}

void temp_file(char path[64], const void *data, size_t len)
{
    snprintf(path, 64, "/tmp/sluice-api-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    close(fd);
}
