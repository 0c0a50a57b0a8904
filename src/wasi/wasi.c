/* include/sluice/wasi.h: the configuration and the linking of every table. */
#include "wasi/wasi_int.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

void sl_wasi_return_u64(sluice_call *call, uint64_t value)
{
    sluice_val result = {.kind = SLUICE_U64, .of.u64 = value};
    sluice_call_return(call, &result);
}

void sl_wasi_no_memory(sluice_call *call)
{
    sluice_call_trap(call, "out of memory in a host function");
}

static void free_strings(char **strings)
{
    for (size_t i = 0; strings != NULL && strings[i] != NULL; i++)
        sl_free(strings[i]);
    sl_free(strings);
}

static void unref(void *arg)
{
    wasi *w = arg;
    if (--w->refs != 0)
        return;
    free_strings(w->args);
    free_strings(w->env);
    sl_free(w->initial_cwd);
    sl_free(w);
}

/* A copy of a NULL-terminated array (NULL: an empty one). */
static char **copy_strings(const char *const *strings)
{
    size_t n = 0;
    while (strings != NULL && strings[n] != NULL)
        n++;
    char **copy = sl_calloc(n + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < n; i++) {
        copy[i] = sl_strndup(strings[i], strlen(strings[i]));
        if (copy[i] == NULL) {
            free_strings(copy);
            return NULL;
        }
    }
    return copy;
}

static wasi *make(const sluice_wasi_config *config)
{
    wasi *w = sl_calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->refs = 1;
    w->args = copy_strings(config->args);
    w->env = copy_strings(config->env);
    if (config->initial_cwd != NULL)
        w->initial_cwd =
            sl_strndup(config->initial_cwd, strlen(config->initial_cwd));
    const int given[3] = {config->stdin_fd, config->stdout_fd,
                          config->stderr_fd};
    bool closed = given[0] == 0 && given[1] == 0 && given[2] == 0;
    for (int i = 0; i < 3; i++)
        w->fds[i] = config->inherit_stdio ? i : closed ? -1 : given[i];
    if (w->args != NULL && w->env != NULL &&
        (config->initial_cwd == NULL || w->initial_cwd != NULL))
        return w;
    unref(w);
    return NULL;
}

static sluice_status define(sluice_linker *linker, wasi *w,
                            const wasi_row *rows, sluice_error *error)
{
    for (const wasi_row *row = rows; row->fn != NULL; row++) {
        w->refs++;
        sluice_status st = sluice_linker_func(linker, row->interface, row->name,
                                              row->type, row->fn, w, unref,
                                              error);
        if (st != SLUICE_OK)
            return st;
    }
    return SLUICE_OK;
}

sluice_status sluice_linker_wasi(sluice_linker *linker,
                                 const sluice_wasi_config *config,
                                 sluice_error *error)
{
    static const wasi_row *const tables[] = {sl_wasi_p3_cli, sl_wasi_p3_clocks,
                                             sl_wasi_p3_random};
    sluice_status st = SLUICE_OK;
    wasi *w = make(config);
    if (w == NULL) {
        if (error != NULL) {
            *error = (sluice_error){.status = SLUICE_ENOMEM,
                                    .offset = SLUICE_NO_OFFSET};
            snprintf(error->message, sizeof error->message, "out of memory");
        }
        return SLUICE_ENOMEM;
    }
    for (size_t i = 0; st == SLUICE_OK && i < sizeof tables / sizeof *tables;
         i++)
        st = define(linker, w, tables[i], error);
    unref(w);
    return st;
}
