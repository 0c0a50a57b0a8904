/* `sluice conformance`: the suite of core:data under every kind of backing and
 * many schedules. docs/data-segments.md, section 9. */
#include "wast/wast_int.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"

typedef struct suite {
    SL_VEC(char *) paths;
    uint64_t seeds;
    bool kinds[SL_N_WAST_BACKINGS];
    int n_kinds;
} suite;

static int complain(const char *msg, const char *what)
{
    fprintf(stderr, "conformance: %s%s\n", msg, what);
    return 2;
}

/* --- Files ----------------------------------------------------------------- */

static bool add_path(suite *s, const char *dir, const char *name)
{
    size_t len = strlen(dir) + strlen(name) + 2;
    char *path = sl_malloc(len);
    if (path == NULL)
        return false;
    snprintf(path, len, "%s%s%s", dir, *dir != '\0' ? "/" : "", name);
    if (sl_vec_push(&s->paths, path))
        return true;
    sl_free(path);
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The scripts right in a folder, by name. */
static int add_folder(suite *s, const char *dir)
{
    size_t before = s->paths.n;
    DIR *open = opendir(dir);
    bool added = true;
    if (open == NULL)
        return complain("cannot read ", dir);
    for (struct dirent *e; added && (e = readdir(open)) != NULL;) {
        size_t len = strlen(e->d_name);
        if (len > 5 && strcmp(e->d_name + len - 5, ".wast") == 0)
            added = add_path(s, dir, e->d_name);
    }
    closedir(open);
    if (!added)
        return complain("out of memory", "");
    if (s->paths.n == before)
        return complain("no scripts in ", dir);
    qsort(s->paths.v + before, s->paths.n - before, sizeof *s->paths.v,
          by_name);
    return 0;
}

static int add_any(suite *s, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return complain("not there: ", path);
    if (S_ISDIR(st.st_mode))
        return add_folder(s, path);
    return add_path(s, "", path) ? 0 : complain("out of memory", "");
}

/* --- Running ----------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* One file under one kind and all seeds; what fails says how to see it again. */
static void run_kind(const suite *s, const char *path, sl_wast_backing kind,
                     sl_wast_counts *counts)
{
    sl_wast_options options = {.features = sl_core_features_all,
                               .log = stdout,
                               .no_sums = true,
                               .backing = kind};
    for (; options.seed < s->seeds; options.seed++) {
        sl_wast_counts now = {0};
        sl_wast_run_file(path, &options, &now);
        if (now.failed != 0)
            printf("failed: sluice wast --backing %s --seed %" PRIu64 " %s\n",
                   sl_wast_backing_text(kind), options.seed, path);
        wast_add_counts(counts, &now);
    }
}

static void print_row(const suite *s, const char *name,
                      const sl_wast_counts *counts)
{
    uint64_t runs = s->seeds * (uint64_t)s->n_kinds;
    printf("%-28s %10" PRIu64 " %5" PRIu64 " %5d  ", name,
           counts->assertions / runs, s->seeds, s->n_kinds);
    if (counts->failed != 0)
        printf("%" PRIu64 " failed", counts->failed);
    else if (counts->skipped != 0)
        printf("passed, %" PRIu64 " skipped", counts->skipped);
    else
        printf("passed");
    printf("\n");
    fflush(stdout);
}

static bool run_suite(const suite *s)
{
    sl_wast_counts sum = {0};
    printf("%-28s %10s %5s %5s  %s\n", "file", "assertions", "seeds", "kinds",
           "result");
    for (size_t i = 0; i < s->paths.n; i++) {
        sl_wast_counts counts = {0};
        for (int k = 0; k < SL_N_WAST_BACKINGS; k++)
            if (s->kinds[k])
                run_kind(s, s->paths.v[i], (sl_wast_backing)k, &counts);
        print_row(s, base_name(s->paths.v[i]), &counts);
        wast_add_counts(&sum, &counts);
    }
    char files[32];
    snprintf(files, sizeof files, "%zu file%s", s->paths.n,
             s->paths.n == 1 ? "" : "s");
    print_row(s, files, &sum);
    printf("%" PRIu64 " passed, %" PRIu64 " failed, %" PRIu64 " skipped\n",
           sum.passed, sum.failed, sum.skipped);
    return sum.failed == 0;
}

/* --- The command --------------------------------------------------------------- */

static int read_option(suite *s, const char *name, const char *value)
{
    sl_wast_backing kind;
    if (value == NULL)
        return complain("missing value or unknown option: ", name);
    if (strcmp(name, "--seeds") == 0)
        return wast_parse_seed(value, &s->seeds) && s->seeds > 0
                   ? 0
                   : complain("not a number of seeds: ", value);
    if (strcmp(name, "--backing") != 0)
        return complain("unknown option: ", name);
    if (!wast_find_backing(value, &kind))
        return complain("no kind of backing: ", value);
    s->n_kinds += !s->kinds[kind];
    s->kinds[kind] = true;
    return 0;
}

static int read_arguments(suite *s, int argc, char **argv, const char *dir)
{
    int i = 1, status = 0;
    for (; i < argc && argv[i][0] == '-' && status == 0; i += 2)
        status = read_option(s, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
    if (status == 0 && s->n_kinds == 0) {
        s->n_kinds = SL_N_WAST_BACKINGS;
        memset(s->kinds, true, sizeof s->kinds);
    }
    if (status == 0 && i == argc)
        status = dir != NULL ? add_folder(s, dir)
                             : complain("name the suite's folder", "");
    for (; i < argc && status == 0; i++)
        status = add_any(s, argv[i]);
    return status;
}

int sl_conformance_main(int argc, char **argv, const char *dir)
{
    suite s = {.seeds = 64};
    int status = read_arguments(&s, argc, argv, dir);
    if (status == 0)
        status = !run_suite(&s);
    for (size_t i = 0; i < s.paths.n; i++)
        sl_free(s.paths.v[i]);
    sl_vec_deinit(&s.paths);
    return status;
}
