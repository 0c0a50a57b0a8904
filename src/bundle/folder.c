#include "bundle/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/beneath.h"
#include "component/reference.h"

#define STEM_MAX 64 /* bytes of a name that come from elsewhere */

static bool nomem(sl_err *err)
{
    sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return false;
}

/* The folder a path is in, without links; malloc's. */
static char *folder_of(const char *path, sl_err *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? sl_strndup(".", 1)
                   : slash == path ? sl_strndup("/", 1)
                                   : sl_strndup(path, (size_t)(slash - path));
    char *real = folder != NULL ? realpath(folder, NULL) : NULL;
    if (folder == NULL)
        nomem(err);
    else if (real == NULL)
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", folder,
                strerror(errno));
    sl_free(folder);
    return real;
}

/* What of `path` is below `base`, both without links: "" for the same; NULL:
 * it is elsewhere. */
static const char *below(const char *path, const char *base)
{
    size_t len = strlen(base);
    if (len == 1) /* the root */
        return path + 1;
    if (strncmp(path, base, len) != 0)
        return NULL;
    return path[len] == '/' ? path + len + 1 : path[len] == '\0' ? "" : NULL;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
}

/* A name for a file made of any bytes. */
static const char *safe(sl_folder *folder, sl_name from)
{
    size_t len = from.len < STEM_MAX ? from.len : STEM_MAX;
    char *name = sl_arena_dup(&folder->arena, from.data, len);
    for (size_t i = 0; name != NULL && i < len; i++)
        if (!is_unreserved(name[i]) || (i == 0 && name[i] == '.'))
            name[i] = '_';
    return name;
}

static const char *stem_of(sl_folder *folder, const char *output)
{
    const char *slash = strrchr(output, '/');
    const char *base = slash != NULL ? slash + 1 : output;
    const char *dot = strrchr(base, '.');
    size_t len =
        dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base);
    return safe(folder, (sl_name){base, len});
}

/* The folder below its base, with a slash behind it. */
static const char *prefix_of(sl_folder *folder, const char *path)
{
    size_t len = strlen(path);
    char *prefix = sl_arena_calloc(&folder->arena, len + 2, 1);
    if (prefix != NULL) {
        memcpy(prefix, path, len);
        prefix[len] = len != 0 ? '/' : '\0';
    }
    return prefix;
}

static bool find_folder(sl_folder *folder, const char *path, const char *output,
                        sl_err *err)
{
    char *base = folder_of(output, err);
    char *real = base != NULL ? realpath(path, NULL) : NULL;
    const char *rest = real != NULL ? below(real, base) : NULL;
    if (base != NULL && real == NULL)
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", path, strerror(errno));
    else if (base != NULL && rest == NULL)
        sl_fail(err, SL_EUSAGE, SL_ERR_NO_PLACE,
                "%s: not at or below the folder of %s, so nothing there can "
                "refer to it",
                path, output);
    if (rest != NULL) {
        folder->path = sl_arena_dup(&folder->arena, real, strlen(real));
        folder->below = prefix_of(folder, rest);
        folder->stem = stem_of(folder, output);
        if (folder->path == NULL || folder->below == NULL ||
            folder->stem == NULL)
            nomem(err);
    }
    free(base);
    free(real);
    return err->code == SL_OK;
}

bool sl_folder_init(sl_folder *folder, const char *path, const char *output,
                    sl_err *err)
{
    *folder = (sl_folder){0};
    sl_arena_init(&folder->arena);
    sl_map_init(&folder->taken);
    return find_folder(folder, path, output, err);
}

void sl_folder_deinit(sl_folder *folder)
{
    sl_map_deinit(&folder->taken);
    sl_arena_deinit(&folder->arena);
}

/* --- Names -------------------------------------------------------------- */

/* Some file systems do not tell upper from lower case. */
static sl_name folded(sl_folder *folder, const char *path)
{
    size_t len = strlen(path);
    char *copy = sl_arena_dup(&folder->arena, path, len);
    for (size_t i = 0; copy != NULL && i < len; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] - 'A' + 'a');
    return (sl_name){copy, len};
}

static bool take(sl_folder *folder, const char *path, sl_err *err)
{
    sl_name name = folded(folder, path);
    return (name.data != NULL && sl_map_put(&folder->taken, name, 1)) ||
           nomem(err);
}

bool sl_folder_take(sl_folder *folder, sl_name reference, sl_err *err)
{
    char *path = sl_arena_calloc(&folder->arena, reference.len + 1, 1);
    if (path == NULL)
        return nomem(err);
    sl_reference_path(reference, path);
    return take(folder, path, err);
}

/* The path below the base, percent-encoded where RFC 3986 wants it. */
static bool encode(sl_folder *folder, const char *path, sl_name *reference,
                   sl_err *err)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = strlen(path);
    char *text = sl_arena_calloc(&folder->arena, 3 * len + 1, 1), *to = text;
    if (text == NULL)
        return nomem(err);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c == '/' || is_unreserved((char)c)) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        }
    }
    *reference = (sl_name){text, (size_t)(to - text)};
    const char *why = sl_reference_fault(*reference);
    if (why != NULL)
        sl_fail(err, SL_EUSAGE, SL_ERR_NO_PLACE,
                "%s: no reference can name it: %s", path, why);
    return why == NULL;
}

static char *join(sl_folder *folder, const char *a, const char *b,
                  const char *c, const char *d)
{
    size_t room = strlen(a) + strlen(b) + strlen(c) + strlen(d) + 1;
    char *text = sl_arena_calloc(&folder->arena, room, 1);
    if (text != NULL)
        snprintf(text, room, "%s%s%s%s", a, b, c, d);
    return text;
}

/* stem-hint, stem-hint-2, ...: the first that is free, below the base. */
static char *free_name(sl_folder *folder, const char *hint, const char *suffix)
{
    for (unsigned i = 1;; i++) {
        char tail[16] = "";
        if (i > 1)
            snprintf(tail, sizeof tail, "-%u", i);
        char *root = join(folder, folder->below, folder->stem, "-", hint);
        char *path = root != NULL ? join(folder, root, tail, suffix, "") : NULL;
        if (path == NULL)
            return NULL;
        sl_name name = folded(folder, path);
        if (name.data == NULL || !sl_map_get(&folder->taken, name, NULL))
            return path;
    }
}

bool sl_folder_name(sl_folder *folder, sl_name hint, const char *suffix,
                    const char **path, sl_name *reference, sl_err *err)
{
    const char *clean = safe(folder, hint);
    char *name = clean != NULL ? free_name(folder, clean, suffix) : NULL;
    if (name == NULL)
        return nomem(err);
    const char *file = name + strlen(folder->below);
    *path = join(folder, folder->path, "/", file, "");
    return *path != NULL
               ? take(folder, name, err) && encode(folder, name, reference, err)
               : nomem(err);
}

int sl_folder_differs(const char *a, const char *b, sl_err *err)
{
    char *folder_a = folder_of(a, err);
    char *folder_b = folder_a != NULL ? folder_of(b, err) : NULL;
    int differs = folder_b == NULL ? -1 : strcmp(folder_a, folder_b) != 0;
    free(folder_a);
    free(folder_b);
    return differs;
}

/* --- Opening -------------------------------------------------------------- */

sl_source *sl_reference_open(const char *input, sl_name reference, sl_err *err)
{
    sl_source *source = NULL;
    char *base = folder_of(input, err);
    char *path = base != NULL ? sl_malloc(reference.len + 1) : NULL;
    if (path != NULL) {
        sl_reference_path(reference, path);
        int fd = sl_open_beneath(base, path, err);
        if (fd >= 0) {
            source = sl_source_descriptor(fd, err);
            close(fd);
        }
    } else {
        nomem(err);
    }
    sl_free(path);
    free(base);
    return source;
}
