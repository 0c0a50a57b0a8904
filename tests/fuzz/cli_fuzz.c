/* What a user hands to the command apart from components: arguments (parted by
 * zeros) and plans. Run it with -close_fd_mask=2: the command complains. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cli/job.h"
#include "cli/plan.h"

enum { ARGS_MAX = 16 };

static void read_size(const char *text)
{
    uint64_t bytes = 0;
    char again[32];
    if (!cli_parse_size(text, &bytes))
        return;
    snprintf(again, sizeof again, "%llu", (unsigned long long)bytes);
    uint64_t same = 0;
    must(cli_parse_size(again, &same) && same == bytes);
}

static void read_arguments(char *text, size_t len)
{
    static const struct option options[] = {
        {"dir", required_argument, NULL, 'D'},
        {"min-size", required_argument, NULL, 'm'},
        CLI_JOB_FORCE,
        CLI_JOB_OUTSIDE,
        {NULL, 0, NULL, 0},
    };
    char *argv[ARGS_MAX + 1] = {"externalize"};
    int argc = 1;
    for (char *at = text; at < text + len && argc < ARGS_MAX;
         at += strlen(at) + 1) {
        read_size(at);
        argv[argc++] = at;
    }
    cli_job job;
    cli_job_init(&job, &cli_externalize);
    int code = cli_job_arguments(&job, argc, argv, options, NULL, NULL);
    must(code == CLI_USAGE ||
         (code == CLI_OK && job.input != NULL && job.output[0] != '\0' &&
          job.outside.chunk_log >= 12 && job.outside.chunk_log <= 30 &&
          job.outside.zstd_level >= 0 && job.outside.zstd_level <= 22));
}

/* What is read can be written, and reads the same. */
static void read_plan(const char *text, size_t len)
{
    char path[32];
    cli_plan plan = {0}, again = {0};
    int fd = memfd_create("plan", 0);
    must(fd >= 0 && write(fd, text, len) == (ssize_t)len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (cli_plan_read(&plan, path) == CLI_OK) {
        must(cli_plan_write(&plan, path) == CLI_OK);
        must(cli_plan_read(&again, path) == CLI_OK);
        must(again.steps.n == plan.steps.n);
        for (size_t i = 0; i < plan.steps.n; i++) {
            const sl_plan_step *a = &plan.steps.v[i], *b = &again.steps.v[i];
            must(a->segment == b->segment && a->start == b->start &&
                 a->len == b->len);
        }
        sl_load_plan all = cli_plan_take(&plan);
        for (uint32_t i = 0; i < all.n; i++)
            must(all.steps[i].segment < UINT32_MAX);
    }
    cli_plan_deinit(&plan);
    cli_plan_deinit(&again);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    must(text != NULL);
    memcpy(text, bytes, len);
    text[len] = '\0';
    read_plan(text, len);
    read_arguments(text, len);
    free(text);
    return 0;
}
