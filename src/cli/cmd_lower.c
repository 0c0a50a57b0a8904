/* `sluice lower`: a component that other runtimes take. */
#include "cli/job.h"

static int run(int argc, char **argv)
{
    return cli_job_plain(&cli_lower, argc, argv, sl_lower);
}

const cli_command cli_lower = {
    "lower",
    "make a component that needs no data segments of its own",
    "usage: sluice lower -o OUT.wasm [--force] IN.wasm|IN.wat\n\n"
    "Writes a component that does the same with the standard means of the "
    "Component\nModel, for other runtimes: inline data segments become core "
    "modules that write\ntheir bytes into streams. It is no longer lazy. A "
    "data import becomes an import\nof an instance of `read: async "
    "func(start: u64, len: u64) -> stream<u8>` and\n`size: func() -> u64`. "
    "External segments are brought in.\n\n"
    "  --force      replace OUT.wasm if it exists\n"
    "  -o OUT.wasm  written beside and renamed: never seen half-written\n",
    run,
};
