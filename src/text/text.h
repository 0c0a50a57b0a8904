/* The text formats' entries: parse to binary, print from binary.
 * Text goes through binary: decoder and validator see one format. */
#ifndef SL_TEXT_TEXT_H
#define SL_TEXT_TEXT_H

#include "base/buf.h"
#include "base/err.h"
#include "text/lexer.h"

/* Whether the bytes begin like a binary (\0asm). */
bool sl_is_binary(const void *bytes, size_t len);

/* Parses one `(module ...)` or `(component ...)` (or a bare sequence of module
 * fields) that fills the whole source. On failure err->at is the offset in the
 * text. */
bool sl_text_parse(sl_name source, sl_buf *out, sl_err *err);

/* For scripts: the cursor stands on `(` of `(module ...)` / `(component ...)`;
 * parses the form and moves behind it. Both handle `binary` and `quote` forms
 * and skip the optional $id, which the script parser reads itself. */
bool sl_parse_module(sl_cursor *c, sl_buf *out);
bool sl_parse_component(sl_cursor *c, sl_buf *out);

/* For the component parser: the fields of an inline `(core module $id? ...)`,
 * the cursor behind the id and any inline import/export; stops at the closing
 * parenthesis. Emits a whole module, name section included. */
bool sl_parse_module_fields(sl_cursor *c, sl_name id, sl_buf *out);

/* Prints a binary as text that parses back to the same structure. */
bool sl_print_module(const uint8_t *bytes, size_t len, sl_buf *out,
                     sl_err *err);
bool sl_print_component(const uint8_t *bytes, size_t len, sl_buf *out,
                        sl_err *err);
/* The same inside other text: `keyword` is what stands behind the opening
 * parenthesis, identifier included ("core module $m"). Every line, the first
 * too, begins at `indent` levels of two spaces; ends with a newline. */
bool sl_print_module_as(const uint8_t *bytes, size_t len, const char *keyword,
                        unsigned indent, sl_buf *out, sl_err *err);

/* A readable error block for text input: file:line:column: message, the line
 * and a caret under the place. */
void sl_text_report(sl_buf *out, const char *file, sl_name source,
                    const sl_err *err);

#endif
