/* Script files (.wast): the specification suites' language, read and run.
 * Core specification, interpreter "Scripts"; Explainer.md's suite uses the
 * same commands with components. */
#ifndef SL_WAST_WAST_H
#define SL_WAST_WAST_H

#include <stdio.h>

#include "base/vec.h"
#include "component/component.h"
#include "core/module.h"

/* Known failures, one per line: a file, or file:line, then the reason. Lines
 * that begin with # are comments. */
typedef struct sl_wast_nyi_row {
    sl_name file;
    uint32_t line; /* 0: the whole file */
    sl_name reason;
} sl_wast_nyi_row;

typedef struct sl_wast_nyi {
    char *text;
    SL_VEC(sl_wast_nyi_row) rows;
} sl_wast_nyi;

bool sl_wast_nyi_load(sl_wast_nyi *nyi, const char *path, sl_err *err);
void sl_wast_nyi_deinit(sl_wast_nyi *nyi);

/* What the inline segments of a script's components are bound to: everything
 * that holds for one of these holds for all. */
typedef enum sl_wast_backing {
    SL_WAST_BUFFER,   /* memory */
    SL_WAST_FILE,     /* a file in the page cache */
    SL_WAST_IDENTITY, /* external, as it is */
    SL_WAST_ZSTD,     /* external, compressed */
    SL_WAST_CALLBACK, /* an embedder that answers later */
    SL_WAST_URL,      /* ranges over HTTP, from the loopback interface */
    SL_N_WAST_BACKINGS,
} sl_wast_backing;
const char *sl_wast_backing_text(sl_wast_backing backing);

typedef struct sl_wast_options {
    sl_core_features features; /* a file's ;;! head may switch on more */
    sl_features gates; /* of components: run what they let in, beside the
                          defaults; a head may switch on more */
    uint64_t seed;             /* for the scheduler's choices */
    sl_wast_backing backing;
    const char *filter; /* run only assertions whose text contains this */
    const sl_wast_nyi *nyi;
    FILE *log;       /* failures and the line per file; NULL: silent */
    bool no_sums;    /* without the line per file */
    bool round_trip; /* print every module and parse it again */
    bool tight;      /* a stranger's script: little memory, and code runs for a
                        fifth of a second in all */
    bool verbose;    /* one line per skipped command as well */
} sl_wast_options;

typedef struct sl_wast_counts {
    uint64_t passed, failed, skipped;
    uint64_t assertions; /* of these: commands that begin with assert_ */
} sl_wast_counts;

/* Runs one script and adds to the counts; every command counts once. */
void sl_wast_run(const char *file, sl_name source,
                 const sl_wast_options *options, sl_wast_counts *counts);
/* The same for a file; one that cannot be read counts as one failure. */
void sl_wast_run_file(const char *path, const sl_wast_options *options,
                      sl_wast_counts *counts);

/* `sluice wast [--seed N | --seeds N] [--backing KIND] [--features NAME]
 * [--nyi FILE] [--filter TEXT] [--round-trip] [-v] FILE...`: a line per file (with --seeds,
 * a line per seed and a table of the files), the sums last; the exit status. */
int sl_wast_main(int argc, char **argv);

/* `sluice conformance [--seeds N] [--backing KIND] [DIR | FILE...]`: the same
 * for the suite of core:data, under every kind of backing; a table. `dir` is
 * where the suite is when none is named, or NULL. */
int sl_conformance_main(int argc, char **argv, const char *dir);

#endif
