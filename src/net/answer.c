/* The header lines of an answer (RFC 9110, RFC 9112): the few fields that
 * matter, read strictly. What two readers could take differently is refused. */
#include "net/http_int.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/alloc.h"
#include "base/name.h"

static bool refuse(sl_err *err, const char *why)
{
    sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "bad answer: %s", why);
    return false;
}

static void forget_fields(sl_answer *a)
{
    sl_free(a->etag);
    sl_free(a->modified);
    sl_free(a->location);
    *a = (sl_answer){.header_bytes = a->header_bytes};
}

void sl_answer_reset(sl_answer *answer)
{
    forget_fields(answer);
    answer->header_bytes = 0;
}

/* --- Values
 * ----------------------------------------------------------------------- */

/* Digits, at least one, that fit; moves on behind them. */
static bool number(sl_name *text, uint64_t *value)
{
    size_t n = 0;
    *value = 0;
    for (; n < text->len && text->data[n] >= '0' && text->data[n] <= '9'; n++) {
        uint64_t digit = (uint64_t)(text->data[n] - '0');
        if (*value > (UINT64_MAX - 1 - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    text->data += n;
    text->len -= n;
    return n != 0;
}

static bool skip(sl_name *text, char c)
{
    if (text->len == 0 || text->data[0] != c)
        return false;
    text->data++;
    text->len--;
    return true;
}

static sl_name trim(sl_name text)
{
    while (skip(&text, ' ') || skip(&text, '\t'))
        continue;
    while (text.len != 0 && strchr(" \t\r\n", text.data[text.len - 1]) != NULL)
        text.len--;
    return text;
}

static bool is_word(sl_name text, const char *word)
{
    return text.len == strlen(word) &&
           strncasecmp(text.data, word, text.len) == 0;
}

/* --- Fields
 * ----------------------------------------------------------------------- */

static bool take_length(sl_answer *a, sl_name value, sl_err *err)
{
    if (a->has_length)
        return refuse(err, "more than one Content-Length");
    a->has_length = true;
    if (!number(&value, &a->length) || value.len != 0)
        return refuse(err, "Content-Length is no number");
    return true;
}

/* "bytes 0-9/100", or "bytes * / 100" without the spaces. */
static bool take_range(sl_answer *a, sl_name value, sl_err *err)
{
    if (a->has_range)
        return refuse(err, "more than one Content-Range");
    a->has_range = true;
    if (value.len < 6 || strncasecmp(value.data, "bytes ", 6) != 0)
        return refuse(err, "Content-Range is not in bytes");
    value = trim((sl_name){value.data + 6, value.len - 6});
    uint64_t last = 0;
    if (skip(&value, '*'))
        a->unsatisfied = true;
    else if (!number(&value, &a->from) || !skip(&value, '-') ||
             !number(&value, &last) || last < a->from || last == UINT64_MAX)
        return refuse(err, "Content-Range is malformed");
    a->to = last + 1;
    if (!skip(&value, '/'))
        return refuse(err, "Content-Range is malformed");
    if (is_word(value, "*"))
        return refuse(err, "Content-Range does not tell the whole size");
    if (!number(&value, &a->total) || value.len != 0 ||
        (!a->unsatisfied && a->to > a->total))
        return refuse(err, "Content-Range is malformed");
    return true;
}

static bool take_encoding(sl_answer *a, sl_name value, sl_err *err)
{
    (void)err;
    if (value.len != 0 && !is_word(value, "identity"))
        a->has_encoding = true;
    return true;
}

static bool take_transfer(sl_answer *a, sl_name value, sl_err *err)
{
    if (!is_word(value, "chunked") || a->chunked)
        return refuse(err, "Transfer-Encoding other than chunked");
    a->chunked = true;
    return true;
}

static bool take_type(sl_answer *a, sl_name value, sl_err *err)
{
    static const char multipart[] = "multipart/";
    (void)err;
    if (value.len >= sizeof multipart - 1 &&
        strncasecmp(value.data, multipart, sizeof multipart - 1) == 0)
        a->multipart = true;
    return true;
}

static bool take_text(char **to, sl_name value, const char *twice, sl_err *err)
{
    if (*to != NULL)
        return refuse(err, twice);
    *to = sl_strndup(value.data, value.len);
    if (*to == NULL)
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return *to != NULL;
}

static bool take_etag(sl_answer *a, sl_name value, sl_err *err)
{
    size_t weak = value.len > 2 && memcmp(value.data, "W/", 2) == 0 ? 2 : 0;
    bool quoted = value.len - weak >= 2 && value.data[weak] == '"' &&
                  value.data[value.len - 1] == '"';
    for (size_t i = weak + 1; quoted && i + 1 < value.len; i++)
        quoted = value.data[i] != '"' && (unsigned char)value.data[i] >= 0x20;
    if (!quoted)
        return refuse(err, "ETag is malformed");
    return take_text(&a->etag, value, "more than one ETag", err);
}

static bool take_modified(sl_answer *a, sl_name value, sl_err *err)
{
    return take_text(&a->modified, value, "more than one Last-Modified", err);
}

static bool take_location(sl_answer *a, sl_name value, sl_err *err)
{
    return take_text(&a->location, value, "more than one Location", err);
}

/* Seconds or a date; what is neither is as if it were not there. */
static bool take_retry_after(sl_answer *a, sl_name value, sl_err *err)
{
    const uint64_t longest = UINT32_MAX;
    char date[64];
    uint64_t seconds = 0;
    sl_name rest = value;
    (void)err;
    if (number(&rest, &seconds) && rest.len == 0) {
        a->retry_after_ms = (seconds < longest ? seconds : longest) * 1000;
    } else if (value.len < sizeof date && sl_curl_ready(NULL)) {
        memcpy(date, value.data, value.len);
        date[value.len] = '\0';
        time_t when = curl_getdate(date, NULL), now = time(NULL);
        if (when > now)
            a->retry_after_ms = (uint64_t)(when - now) * 1000;
    }
    return true;
}

static const struct {
    const char *name;
    bool (*take)(sl_answer *a, sl_name value, sl_err *err);
} fields[] = {
    {"content-length", take_length},     {"content-range", take_range},
    {"content-encoding", take_encoding}, {"transfer-encoding", take_transfer},
    {"content-type", take_type},         {"etag", take_etag},
    {"last-modified", take_modified},    {"location", take_location},
    {"retry-after", take_retry_after},
};

/* --- Lines
 * ------------------------------------------------------------------------ */

/* "HTTP/1.1 206 Partial Content", "HTTP/2 206". */
static bool take_status(sl_answer *a, sl_name line, sl_err *err)
{
    uint64_t status = 0;
    const char *space = memchr(line.data, ' ', line.len);
    if (space == NULL)
        return refuse(err, "no status");
    size_t before = (size_t)(space - line.data);
    sl_name rest = {space + 1, line.len - before - 1};
    if (!number(&rest, &status) || status < 100 || status > 999)
        return refuse(err, "no status");
    forget_fields(a);
    a->status = (uint32_t)status;
    return true;
}

static bool take_field(sl_answer *a, sl_name line, sl_err *err)
{
    if (line.data[0] == ' ' || line.data[0] == '\t')
        return refuse(err, "a folded header line");
    const char *colon = memchr(line.data, ':', line.len);
    if (colon == NULL)
        return refuse(err, "a header line without a colon");
    sl_name name = {line.data, (size_t)(colon - line.data)};
    sl_name value = trim((sl_name){colon + 1, line.len - name.len - 1});
    if (name.len == 0 || strchr(" \t", name.data[name.len - 1]) != NULL)
        return refuse(err, "a header line without a name");
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.data[i] < ' ' && value.data[i] != '\t')
            return refuse(err, "a control character in a header line");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (is_word(name, fields[i].name))
            return fields[i].take(a, value, err);
    return true;
}

bool sl_answer_line(sl_answer *a, const char *line, size_t len, sl_err *err)
{
    a->header_bytes += len;
    if (a->header_bytes > SL_HTTP_HEADER_MAX) {
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                "bad answer: more than %zu KiB of header lines",
                SL_HTTP_HEADER_MAX >> 10);
        return false;
    }
    if (a->complete)
        return true; /* a trailer */
    if (len == 0 || line[0] == '\r' || line[0] == '\n') {
        a->complete = a->status >= 200;
        return a->status != 101 || refuse(err, "another protocol");
    }
    if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
        return take_status(a, trim((sl_name){line, len}), err);
    return take_field(a, (sl_name){line, len}, err);
}
