#include "component/names.h"

#include <stdio.h>

/* --- Characters ----------------------------------------------------------- */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static sl_name slice(sl_name name, size_t from, size_t to)
{
    return (sl_name){name.data + from, to - from};
}

/* The first place of any of `chars` at or behind `from`, or the length. */
static size_t find(sl_name name, size_t from, const char *chars)
{
    while (from < name.len &&
           (name.data[from] == 0 || strchr(chars, name.data[from]) == NULL))
        from++;
    return from;
}

/* --- Labels --------------------------------------------------------------- */

/* Fragments of one case each, joined by dashes; the first begins with a
 * letter. `words` allows no acronyms. */
static bool is_label(sl_name name, bool words)
{
    size_t at = 0;
    for (bool first = true;; first = false, at++) {
        size_t end = find(name, at, "-");
        bool lower = false, upper = false;
        if (at == end || (first && is_digit(name.data[at])))
            return false;
        for (size_t i = at; i < end; i++) {
            char c = name.data[i];
            lower |= is_lower(c);
            upper |= is_upper(c);
            if (!is_lower(c) && !is_upper(c) && !is_digit(c))
                return false;
        }
        if (upper && (lower || words))
            return false;
        at = end;
        if (at == name.len)
            return true;
    }
}

bool sl_is_kebab(sl_name name)
{
    return is_label(name, false);
}

/* --- Semantic versions ---------------------------------------------------- */

typedef struct complaint {
    char *why;
    size_t cap;
} complaint;

static bool complain(complaint c, const char *fmt, ...) SL_PRINTF(2, 3);
static bool complain(complaint c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(c.why, c.cap, fmt, args);
    va_end(args);
    return false;
}

static bool unexpected(complaint c, sl_name v, size_t at, const char *where)
{
    if (at >= v.len)
        return complain(c, "unexpected end of input while parsing %s", where);
    return complain(c, "unexpected character '%c' while parsing %s", v.data[at],
                    where);
}

static bool parse_number(complaint c, sl_name v, size_t *at, const char *where)
{
    size_t from = *at;
    while (*at < v.len && is_digit(v.data[*at]))
        ++*at;
    if (*at == from)
        return unexpected(c, v, *at, where);
    if (*at - from > 1 && v.data[from] == '0')
        return complain(c, "invalid leading zero in %s", where);
    if (*at - from > 20)
        return complain(c, "value of %s exceeds its maximum", where);
    return true;
}

/* Dot-separated identifiers up to the end or `stop`. */
static bool parse_identifiers(complaint c, sl_name v, size_t *at, char stop,
                              const char *where)
{
    for (;; ++*at) {
        size_t from = *at;
        bool digits = true;
        while (*at < v.len && (is_digit(v.data[*at]) || is_lower(v.data[*at]) ||
                               is_upper(v.data[*at]) || v.data[*at] == '-'))
            digits &= is_digit(v.data[(*at)++]);
        if (*at == from)
            return complain(c, "empty identifier segment in %s", where);
        if (stop != 0 && digits && *at - from > 1 && v.data[from] == '0')
            return complain(c, "invalid leading zero in %s", where);
        if (*at == v.len || v.data[*at] == stop)
            return true;
        if (v.data[*at] != '.')
            return unexpected(c, v, *at, where);
    }
}

/* <valid semver> of semver.org, or of what follows `at` when the numbers
 * before stand in a canonical version. */
static bool parse_semver(complaint c, sl_name v)
{
    static const char *const part[] = {
        "major version number", "minor version number", "patch version number"};
    size_t at = 0;
    if (v.len == 0)
        return complain(c, "empty string, expected a semver version");
    for (int i = 0; i < 3; i++) {
        if (!parse_number(c, v, &at, part[i]))
            return false;
        if (i == 2)
            break;
        if (at >= v.len || v.data[at] != '.')
            return unexpected(c, v, at, part[i]);
        at++;
    }
    if (at < v.len && v.data[at] == '-') {
        at++;
        if (!parse_identifiers(c, v, &at, '+', "pre-release identifier"))
            return false;
    }
    if (at < v.len && v.data[at] == '+') {
        at++;
        if (!parse_identifiers(c, v, &at, 0, "build metadata"))
            return false;
    }
    return at == v.len || unexpected(c, v, at, "patch version number");
}

/* canonversion: [1-9][0-9]*, 0.[1-9][0-9]*, 0.0.[1-9][0-9]*, 0.0.0. */
static bool is_canon_version(sl_name v)
{
    size_t at = 0;
    for (int zeros = 0; zeros < 3; zeros++) {
        size_t end = find(v, at, ".");
        sl_name number = slice(v, at, end);
        if (sl_name_is(number, "0") && zeros < 2) {
            if (end == v.len)
                return false;
            at = end + 1;
            continue;
        }
        if (number.len == 0 || end != v.len)
            return false;
        for (size_t i = 0; i < number.len; i++)
            if (!is_digit(number.data[i]))
                return false;
        return number.data[0] != '0' || number.len == 1;
    }
    return false;
}

bool sl_version_suffix_fits(sl_name version, sl_name suffix)
{
    char why[64], whole[256];
    if (!is_canon_version(version) || version.len + suffix.len >= sizeof whole)
        return false;
    memcpy(whole, version.data, version.len);
    if (suffix.len != 0)
        memcpy(whole + version.len, suffix.data, suffix.len);
    return parse_semver((complaint){why, sizeof why},
                        (sl_name){whole, version.len + suffix.len});
}

/* --- Names ---------------------------------------------------------------- */

static bool want_label(complaint c, sl_name label, bool words)
{
    return is_label(label, words) ||
           complain(c, "`%.*s` is not in kebab case", SL_NAME_ARGS(label));
}

/* namespace ':' words '/' label ('@' version)? */
static bool parse_interface(complaint c, sl_name name, sl_extern_name *out)
{
    size_t colon = find(name, 0, ":");
    size_t end = find(name, colon + 1, ":/@");
    out->kind = SL_NAME_INTERFACE;
    if (!want_label(c, slice(name, 0, colon), true) ||
        !want_label(c, slice(name, colon + 1, end), true))
        return false;
    if (end == name.len || name.data[end] != '/')
        return complain(c, "expected `/` after package name");

    size_t at = end + 1;
    end = find(name, at, "/@");
    if (!want_label(c, slice(name, at, end), false))
        return false;
    if (end == name.len)
        return true;
    if (name.data[end] == '/')
        return complain(c, "trailing characters found: `%.*s`",
                        SL_NAME_ARGS(slice(name, end, name.len)));
    out->version = slice(name, end + 1, name.len);
    return is_canon_version(out->version) || parse_semver(c, out->version);
}

static bool starts_with(sl_name name, const char *prefix)
{
    size_t len = strlen(prefix);
    return name.len >= len && memcmp(name.data, prefix, len) == 0;
}

static bool parse_member(complaint c, sl_name rest, sl_extern_name *out)
{
    size_t dot = find(rest, 0, ".");
    if (dot == rest.len)
        return complain(c, "failed to find `.` character");
    out->resource = slice(rest, 0, dot);
    return want_label(c, out->resource, false) &&
           want_label(c, slice(rest, dot + 1, rest.len), false);
}

bool sl_parse_extern_name(sl_name name, sl_extern_name *out, char *why,
                          size_t cap)
{
    complaint c = {why, cap};
    *out = (sl_extern_name){.kind = SL_NAME_LABEL};
    if (starts_with(name, "[constructor]")) {
        out->kind = SL_NAME_CONSTRUCTOR;
        out->resource = slice(name, 13, name.len);
        return want_label(c, out->resource, false);
    }
    if (starts_with(name, "[method]")) {
        out->kind = SL_NAME_METHOD;
        return parse_member(c, slice(name, 8, name.len), out);
    }
    if (starts_with(name, "[static]")) {
        out->kind = SL_NAME_STATIC;
        return parse_member(c, slice(name, 8, name.len), out);
    }
    if (find(name, 0, ":") < name.len)
        return parse_interface(c, name, out);
    return want_label(c, name, false);
}

sl_name sl_canonical_name(sl_arena *arena, sl_name name,
                          const sl_extern_name *parsed, bool hyphens)
{
    if (parsed->kind == SL_NAME_METHOD || parsed->kind == SL_NAME_STATIC)
        name = slice(name, 8, name.len); /* both prefixes have 8 letters */
    char *out = sl_arena_dup(arena, name.data, name.len);
    if (out == NULL)
        return (sl_name){NULL, 0};
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++)
        if (hyphens || name.data[i] != '-')
            out[len++] = is_upper(name.data[i])
                             ? (char)(name.data[i] - 'A' + 'a')
                             : name.data[i];

    sl_name canonical = {out, len};
    if (parsed->kind == SL_NAME_METHOD || parsed->kind == SL_NAME_STATIC) {
        size_t dot = find(canonical, 0, ".");
        sl_name first = slice(canonical, 0, dot);
        if (sl_name_eq(first, slice(canonical, dot + 1, len)))
            return first;
    }
    return canonical;
}

/* The part of a version that decides compatibility: up to and with the first
 * number that is not zero. */
static sl_name canon_part(sl_name version)
{
    size_t at = 0;
    for (int part = 0; part < 2; part++) {
        size_t end = find(version, at, ".-+");
        if (!sl_name_is(slice(version, at, end), "0") || end == version.len)
            return slice(version, 0, end);
        at = end + 1;
    }
    return slice(version, 0, find(version, at, "-+"));
}

bool sl_name_compatible(sl_name have, sl_name want)
{
    size_t have_at = find(have, 0, "@"), want_at = find(want, 0, "@");
    if (!sl_name_eq(slice(have, 0, have_at), slice(want, 0, want_at)))
        return false;
    if (have_at == have.len || want_at == want.len)
        return have.len == want.len;
    return sl_name_eq(canon_part(slice(have, have_at + 1, have.len)),
                      canon_part(slice(want, want_at + 1, want.len)));
}
