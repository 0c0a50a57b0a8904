/* Any text as a script, which is run with little memory and little time. */
#include "fuzz.h"

#include "wast/wast.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    sl_wast_options options = {.features = sl_core_features_all,
                               .tight = true};
    sl_wast_counts counts = {0};
    sl_wast_run("fuzz.wast", (sl_name){(const char *)bytes, len}, &options,
                &counts);
    return 0;
}
