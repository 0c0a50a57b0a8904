/* Any component through the tools that write components: what they write must be
 * good, or they say what they cannot express. Segments that have been moved out
 * come back. */
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include "bundle/bundle.h"

static char dir[64], in[80], out[80], back[80];

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        fprintf(stderr, "%s stays\n", dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/sluice-fuzz-XXXXXX"
                                              : "/tmp/sluice-fuzz-XXXXXX");
    must(mkdtemp(dir) != NULL);
    atexit(remove_folder);
    snprintf(in, sizeof in, "%s/in.wasm", dir);
    snprintf(out, sizeof out, "%s/out.wasm", dir);
    snprintf(back, sizeof back, "%s/back.wasm", dir);
    return 0;
}

static sl_bundle_job job_of(sl_source *source, const char *from, const char *to)
{
    return (sl_bundle_job){.source = source,
                           .input = from,
                           .output = to,
                           .replace = true,
                           .replace_files = true};
}

static void check(sl_status st, const sl_err *err)
{
    must(st == err->code);
    must(strstr(err->msg, "the result is not good") == NULL);
}

static void lower(sl_source *source)
{
    sl_err err = {0};
    sl_bundle_job job = job_of(source, in, out);
    check(sl_lower(&job, &err), &err);
}

/* Two segments that change places, and one that is imported. */
static void optimize(sl_source *source)
{
    static const sl_name names[] = {{"d", 1}};
    static const sl_plan_step steps[][3] = {{{1, 0, 1}, {2, 0, 0}, {1, 1, 0}},
                                            {{2, 0, 1}, {1, 0, 1}, {0, 0, 1}}};
    for (size_t i = 0; i < 2; i++)
        for (uint32_t n = 1; n <= 3; n++) {
            sl_err err = {0};
            sl_load_plan plan = {1, names, n, steps[i]};
            sl_bundle_job job = job_of(source, in, out);
            check(sl_optimize(&job, &plan, i != 0, &err), &err);
        }
}

static void out_and_back(sl_source *source, uint8_t how)
{
    char folder[80];
    sl_err err = {0};
    snprintf(folder, sizeof folder, "%s/data", dir);
    sl_outside outside = {.folder = folder,
                          .zstd_level = how & 1,
                          .chunk_log = 12,
                          .min_size = how & 2 ? 1 : 0};
    sl_bundle_job job = job_of(source, in, out);
    sl_status st = sl_externalize(&job, &outside, &err);
    check(st, &err);
    if (st != SL_OK)
        return;
    sl_source *moved = sl_source_file(out, &err);
    must(moved != NULL);
    job = job_of(moved, out, back);
    st = sl_internalize(&job, &err);
    check(st, &err);
    sl_source_unref(moved);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const sl_component_options options = {
        .features = SL_FEATURE_BIT(SL_N_FEATURES) - 1};
    sl_err err = {0};
    sl_source *source = sl_source_buffer(bytes, len, false, &err);
    must(source != NULL);
    sl_component *component = sl_component_decode(source, &options, &err);
    bool good = component != NULL;
    sl_component_free(component);
    if (good) {
        lower(source);
        optimize(source);
        out_and_back(source, (uint8_t)len);
    }
    sl_source_unref(source);
    return 0;
}
