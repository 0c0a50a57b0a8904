/* `sluice wast`: options, files, the list of known failures. */
#include "wast/wast_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/source.h"

/* --- Known failures ------------------------------------------------------ */

static char *read_all(const char *path, size_t *len, sl_err *err)
{
    sl_source *source = sl_source_file(path, err);
    if (source == NULL)
        return NULL;
    size_t size = (size_t)source->size;
    char *bytes = sl_calloc(size + 1, 1);
    if (bytes == NULL)
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    else if (size > 0 &&
             source->read_at(source, 0, bytes, size, err) != SL_OK) {
        sl_free(bytes);
        bytes = NULL;
    }
    sl_source_unref(source);
    *len = size;
    return bytes;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* file[:line] reason */
static sl_wast_nyi_row read_row(sl_name line)
{
    sl_wast_nyi_row row = {0};
    size_t n = 0;
    while (n < line.len && !is_space(line.data[n]))
        n++;
    row.file = (sl_name){line.data, n};
    for (size_t i = n; i > 0 && line.data[i - 1] != '/'; i--)
        if (line.data[i - 1] == ':') {
            row.line = (uint32_t)strtoul(line.data + i, NULL, 10);
            row.file.len = i - 1;
            break;
        }
    while (n < line.len && is_space(line.data[n]))
        n++;
    row.reason = (sl_name){line.data + n, line.len - n};
    if (row.reason.len == 0)
        row.reason = SL_NAME("listed");
    return row;
}

bool sl_wast_nyi_load(sl_wast_nyi *nyi, const char *path, sl_err *err)
{
    size_t len;
    *nyi = (sl_wast_nyi){.text = read_all(path, &len, err)};
    if (nyi->text == NULL)
        return false;
    for (char *p = nyi->text; *p != '\0';) {
        size_t n = strcspn(p, "\n"), skip = 0;
        while (skip < n && is_space(p[skip]))
            skip++;
        sl_name line = {p + skip, n - skip};
        if (line.len > 0 && line.data[0] != '#' &&
            !sl_vec_push(&nyi->rows, read_row(line))) {
            sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
            return false;
        }
        p += n + (p[n] == '\n');
    }
    return true;
}

void sl_wast_nyi_deinit(sl_wast_nyi *nyi)
{
    sl_vec_deinit(&nyi->rows);
    sl_free(nyi->text);
    nyi->text = NULL;
}

/* --- Files --------------------------------------------------------------- */

void sl_wast_run_file(const char *path, const sl_wast_options *options,
                      sl_wast_counts *counts)
{
    sl_err err = {0};
    size_t len;
    char *text = read_all(path, &len, &err);
    if (text == NULL) {
        counts->failed++;
        if (options->log != NULL)
            fprintf(options->log, "%s: %s\n", path, err.msg);
        return;
    }
    sl_wast_run(path, (sl_name){text, len}, options, counts);
    sl_free(text);
}

/* --- The command --------------------------------------------------------- */

static int usage(const char *msg, const char *what)
{
    fprintf(stderr,
            "wast: %s%s\n"
            "usage: wast [--seed N | --seeds N] [--backing KIND] "
            "[--features NAME] [--nyi FILE] [--filter TEXT] [--round-trip] [-v] FILE...\n",
            msg, what);
    return 2;
}

bool wast_parse_seed(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0';
}

static const char *const backing_texts[SL_N_WAST_BACKINGS] = {
    [SL_WAST_BUFFER] = "buffer",     [SL_WAST_FILE] = "file",
    [SL_WAST_IDENTITY] = "identity", [SL_WAST_ZSTD] = "zstd",
    [SL_WAST_CALLBACK] = "callback", [SL_WAST_URL] = "url",
};

const char *sl_wast_backing_text(sl_wast_backing backing)
{
    return backing_texts[backing];
}

bool wast_find_backing(const char *text, sl_wast_backing *out)
{
    for (int i = 0; i < SL_N_WAST_BACKINGS; i++)
        if (strcmp(text, backing_texts[i]) == 0) {
            *out = (sl_wast_backing)i;
            return true;
        }
    return false;
}

/* A gate of components, by its name. */
static bool add_gate(const char *name, sl_features *out)
{
    for (int f = SL_FEATURE_NONE + 1; f < SL_N_FEATURES; f++)
        if (strcmp(name, sl_feature_text((sl_feature)f)) == 0) {
            *out |= SL_FEATURE_BIT(f);
            return true;
        }
    return false;
}

void wast_add_counts(sl_wast_counts *to, const sl_wast_counts *counts)
{
    to->passed += counts->passed;
    to->failed += counts->failed;
    to->skipped += counts->skipped;
    to->assertions += counts->assertions;
}

static void print_counts(const sl_wast_counts *counts)
{
    printf("%" PRIu64 " passed, %" PRIu64 " failed, %" PRIu64 " skipped\n",
           counts->passed, counts->failed, counts->skipped);
}

/* Every command counts once for each seed. */
static void print_row(const char *what, uint64_t seeds,
                      const sl_wast_counts *counts)
{
    uint64_t n = counts->passed + counts->failed + counts->skipped;
    printf("%-46s %8" PRIu64 " %5" PRIu64 " %8" PRIu64 " %6" PRIu64
           " %7" PRIu64 "\n",
           what, n / seeds, seeds, counts->passed, counts->failed,
           counts->skipped);
}

static void print_table(char **paths, int n, uint64_t seeds,
                        const sl_wast_counts *of_file,
                        const sl_wast_counts *counts)
{
    char files[32];
    printf("%-46s %8s %5s %8s %6s %7s\n", "file", "commands", "seeds",
           "passed", "failed", "skipped");
    for (int i = 0; i < n; i++)
        print_row(paths[i], seeds, &of_file[i]);
    snprintf(files, sizeof files, "%d file%s", n, n == 1 ? "" : "s");
    print_row(files, seeds, counts);
}

/* The files under each of the seeds 0 to seeds - 1: what failed and a line for
 * each seed, then a row for each file. */
static bool run_seeds(char **paths, int n, uint64_t seeds,
                      sl_wast_options *options, sl_wast_counts *counts)
{
    sl_wast_counts *of_file = sl_calloc((size_t)n, sizeof *of_file);
    if (of_file == NULL) {
        fprintf(stderr, "wast: out of memory\n");
        return false;
    }
    options->no_sums = true;
    for (options->seed = 0; options->seed < seeds; options->seed++) {
        sl_wast_counts of_seed = {0};
        for (int i = 0; i < n; i++) {
            sl_wast_counts now = {0};
            sl_wast_run_file(paths[i], options, &now);
            wast_add_counts(&of_seed, &now);
            wast_add_counts(&of_file[i], &now);
        }
        wast_add_counts(counts, &of_seed);
        printf("seed %" PRIu64 ": ", options->seed);
        print_counts(&of_seed);
    }
    print_table(paths, n, seeds, of_file, counts);
    sl_free(of_file);
    return true;
}

static bool run_files(char **paths, int n, uint64_t seeds,
                      sl_wast_options *options, sl_wast_counts *counts)
{
    if (seeds > 1)
        return run_seeds(paths, n, seeds, options, counts);
    for (int i = 0; i < n; i++)
        sl_wast_run_file(paths[i], options, counts);
    return true;
}

int sl_wast_main(int argc, char **argv)
{
    sl_wast_nyi nyi = {0};
    sl_wast_options options = {
        .log = stdout, .nyi = &nyi, .features = sl_core_features_all};
    sl_wast_counts counts = {0};
    sl_err err = {0};
    uint64_t seeds = 1;
    int i = 1, status = 0;
    for (; i < argc && argv[i][0] == '-' && status == 0; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "-v") == 0) {
            options.verbose = true;
            continue;
        }
        if (strcmp(argv[i], "--round-trip") == 0) {
            options.round_trip = true;
            continue;
        }
        if (value == NULL)
            status = usage("missing value or unknown option: ", argv[i]);
        else if (strcmp(argv[i], "--seed") == 0)
            status = wast_parse_seed(value, &options.seed)
                         ? 0
                         : usage("not a number: ", value);
        else if (strcmp(argv[i], "--seeds") == 0)
            status = wast_parse_seed(value, &seeds) && seeds > 0
                         ? 0
                         : usage("not a number of seeds: ", value);
        else if (strcmp(argv[i], "--backing") == 0)
            status = wast_find_backing(value, &options.backing)
                         ? 0
                         : usage("no kind of backing: ", value);
        else if (strcmp(argv[i], "--filter") == 0)
            options.filter = value;
        else if (strcmp(argv[i], "--features") == 0)
            status = add_gate(value, &options.gates)
                         ? 0
                         : usage("no feature: ", value);
        else if (strcmp(argv[i], "--nyi") != 0)
            status = usage("unknown option: ", argv[i]);
        else if (!sl_wast_nyi_load(&nyi, value, &err))
            status = usage("cannot read the list: ", err.msg);
        i++;
    }
    if (status == 0 && i == argc)
        status = usage("no files", "");
    if (status == 0) {
        bool ran = run_files(argv + i, argc - i, seeds, &options, &counts);
        print_counts(&counts);
        status = !ran || counts.failed != 0;
    }
    sl_wast_nyi_deinit(&nyi);
    return status;
}
