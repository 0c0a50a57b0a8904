/* Any text through the parser, any binary through the printer. What is valid
 * must print, what it prints must parse, and from then on bytes and text stay
 * what they are. */
#include "fuzz.h"

#include "component/component.h"
#include "text/text.h"

typedef bool print_fn(const uint8_t *bytes, size_t len, sl_buf *out,
                      sl_err *err);

static void parse_again(const sl_buf *text, sl_buf *out)
{
    sl_err err = {0};
    bool good = sl_text_parse((sl_name){(const char *)text->data, text->len},
                              out, &err);
    if (!good)
        fprintf(stderr, "%s at %llu of:\n%.*s\n", err.msg,
                (unsigned long long)err.at, (int)text->len,
                (const char *)text->data);
    must(good);
}

static bool is_valid(const sl_buf *bytes, bool is_component)
{
    static const sl_component_options options = {
        .features = SL_FEATURE_BIT(SL_N_FEATURES) - 1};
    sl_err err = {0};
    if (is_component) {
        sl_source *source =
            sl_source_buffer(bytes->data, bytes->len, false, &err);
        sl_component_free(sl_component_decode(source, &options, &err));
        sl_source_unref(source);
    } else {
        sl_module_free(sl_module_decode(bytes->data, bytes->len, 0,
                                        &sl_core_features_all, &err));
    }
    return err.code == SL_OK;
}

static void there_and_back(const sl_buf *bytes)
{
    sl_err err = {0};
    sl_buf text = {0}, once = {0}, same_text = {0}, twice = {0};
    bool is_component = bytes->len > 6 && bytes->data[6] == 1;
    bool valid = is_valid(bytes, is_component);
    print_fn *print = is_component ? sl_print_component : sl_print_module;
    bool printed = print(bytes->data, bytes->len, &text, &err);
    must(printed == (err.code == SL_OK) && (printed || !valid));
    if (valid) {
        parse_again(&text, &once);
        must(print(once.data, once.len, &same_text, &err));
        parse_again(&same_text, &twice);
        must(once.len == twice.len &&
             memcmp(once.data, twice.data, once.len) == 0);
    }
    sl_buf_deinit(&text);
    sl_buf_deinit(&once);
    sl_buf_deinit(&same_text);
    sl_buf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    sl_err err = {0};
    sl_buf binary = {0}, report = {0};
    sl_name source = {(const char *)bytes, len};
    if (sl_is_binary(bytes, len))
        sl_buf_bytes(&binary, bytes, len);
    else if (!sl_text_parse(source, &binary, &err))
        sl_text_report(&report, "fuzz.wat", source, &err);
    if (err.code == SL_OK)
        there_and_back(&binary);
    sl_buf_deinit(&binary);
    sl_buf_deinit(&report);
    return 0;
}
