/* `sluice internalize`: brings external data segments back into the component.
 */
#include "cli/job.h"

static int run(int argc, char **argv)
{
    return cli_job_plain(&cli_internalize, argc, argv, sl_internalize);
}

const cli_command cli_internalize = {
    "internalize",
    "bring data segments in files into a component",
    "usage: sluice internalize -o OUT.wasm [--force] IN.wasm|IN.wat\n\n"
    "Writes the component with its external data segments, those of nested "
    "components\ntoo, as inline ones: one file that needs no other. Files are "
    "looked for below the\nfolder of IN.wasm; every chunk's SHA-256 is "
    "checked. Payloads start at multiples\nof 64 KiB; each must be smaller "
    "than 4 GiB.\n\n"
    "  --force      replace OUT.wasm if it exists\n"
    "  -o OUT.wasm  written beside and renamed: never seen half-written\n",
    run,
};
