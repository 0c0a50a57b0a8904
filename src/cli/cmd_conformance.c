/* `sluice conformance`: runs the suite of data segments. */
#include "cli/cli.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wast/wast.h"

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Where the suite is that belongs to this command: BIN/../share/sluice/
 * conformance when it is installed, the source's folder when it is not. */
static const char *find_suite(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    static const char below[] = "/../share/sluice/conformance";
    if (n > 0) {
        path[n] = '\0';
        char *slash = strrchr(path, '/');
        if (slash != NULL && (size_t)(slash - path) + sizeof below <= size) {
            strcpy(slash, below);
            if (is_folder(path))
                return path;
        }
    }
#ifdef SLUICE_SUITE
    if (is_folder(SLUICE_SUITE))
        return SLUICE_SUITE;
#endif
    return NULL;
}

static int run(int argc, char **argv)
{
    char path[PATH_MAX];
    int code = sl_conformance_main(argc, argv, find_suite(path, sizeof path));
    return code == 2 ? CLI_USAGE : code;
}

const cli_command cli_conformance = {
    "conformance",
    "run the suite of data segments",
    "usage: sluice conformance [--seeds N] [--backing KIND]... [DIR | FILE]...\n"
    "\n"
    "Runs the scripts of core:data and data.* under every kind of backing and "
    "many\nschedules. Prints what failed with the command that shows it again, "
    "a row for\neach file, and last `N passed, N failed, N skipped`.\n\n"
    "  DIR, FILE       scripts; the suite that was installed with the command "
    "when\n                  none is named\n"
    "  --seeds N       under each of the seeds 0 to N-1 (64)\n"
    "  --backing KIND  only: buffer, file, identity, zstd, callback or url; may "
    "be\n                  repeated\n\n"
    "exit codes: 0 all passed; 1 something failed; 64 usage\n",
    run,
};
