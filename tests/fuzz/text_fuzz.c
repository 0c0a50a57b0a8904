/* libFuzzer: any text through the parser; what parses must print, and the print
 * must parse to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    sl_err err = {0};
    sl_buf binary, text, again;
    sl_buf_init(&binary);
    sl_buf_init(&text);
    sl_buf_init(&again);
    if (sl_text_parse((sl_name){(const char *)bytes, len}, &binary, &err) &&
        binary.len > 8 && binary.data[6] == 1 &&
        sl_print_component(binary.data, binary.len, &text, &err) &&
        (!sl_text_parse((sl_name){(const char *)text.data, text.len}, &again,
                        &err) ||
         again.len != binary.len ||
         memcmp(again.data, binary.data, again.len) != 0))
        abort();
    sl_buf_deinit(&binary);
    sl_buf_deinit(&text);
    sl_buf_deinit(&again);
    return 0;
}
