/* `sluice wast`: runs script files of the specification suites' language. */
#include "cli/cli.h"

#include "wast/wast.h"

static int run(int argc, char **argv)
{
    int code = sl_wast_main(argc, argv);
    return code == 2 ? CLI_USAGE : code;
}

const cli_command cli_wast = {
    "wast",
    "run test scripts (.wast)",
    "usage: sluice wast [--seed N | --seeds N] [--backing KIND] "
    "[--features NAME]\n"
    "                   [--nyi FILE] [--filter TEXT] [-v] FILE...\n\n"
    "Runs scripts in the language of the specification's test suites, core "
    "and\ncomponent. Prints a line per file, what failed with file and line, "
    "and last\n`N passed, N failed, N skipped`.\n\n"
    "  --seed N       choose every schedule the specification leaves open "
    "(order,\n                 sizes, delays) from this seed; 0: the ordinary "
    "one\n"
    "  --seeds N      run everything under each of the seeds 0 to N-1; a line "
    "per\n                 seed and a table of the files\n"
    "  --backing KIND  where bytes of inline segments come from: buffer (the "
    "default),\n                 file, identity or zstd (external segments), "
    "callback, url\n"
    "  --features NAME  run components that need a gated feature too\n"
    "  --nyi FILE     known failures, `FILE[:LINE] REASON` per line; one that "
    "passes\n                 is a failure\n"
    "  --filter TEXT  only assertions that contain TEXT\n"
    "  -v             also say what is skipped and why\n\n"
    "exit codes: 0 all passed; 1 something failed; 64 usage\n",
    run,
};
