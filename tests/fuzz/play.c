/* Calls a fuzz target where there is no libFuzzer: with every file of some
 * folders, and with mutants of them. Whatever becomes of it, the last input is
 * in NAME_fuzz.last, beside the program, until all have passed.
 *
 *   NAME_fuzz MUTANTS FOLDER... */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mutate.h"

#pragma weak LLVMFuzzerInitialize

typedef struct files {
    mutate_seed *v;
    size_t n;
} files;

enum { LAST_MAX = 1 << 20 };

static char last_path[4096];
static int last_fd;
static uint8_t *last;

static void open_last(const char *program)
{
    snprintf(last_path, sizeof last_path, "%s.last", program);
    last_fd = open(last_path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    must(last_fd >= 0 && ftruncate(last_fd, LAST_MAX) == 0);
    last = mmap(NULL, LAST_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, last_fd, 0);
    must(last != MAP_FAILED);
}

/* From the heap and of the right size, so that a byte too far is seen. */
static void play(const uint8_t *bytes, size_t len)
{
    must(len <= LAST_MAX && ftruncate(last_fd, (off_t)len) == 0);
    if (len != 0)
        memcpy(last, bytes, len);
    uint8_t *exact = malloc(len);
    must(len == 0 || exact != NULL);
    if (len != 0)
        memcpy(exact, bytes, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static void load(files *all, const char *folder)
{
    DIR *dir = opendir(folder);
    char path[4096];
    struct stat st;
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        all->v = realloc(all->v, (all->n + 1) * sizeof *all->v);
        must(all->v != NULL && mutate_load(path, &all->v[all->n]));
        all->n++;
    }
    if (dir != NULL)
        closedir(dir);
}

/* The order of a folder is the system's. */
static int by_content(const void *a, const void *b)
{
    const mutate_seed *x = a, *y = b;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return memcmp(x->bytes, y->bytes, x->len);
}

int main(int argc, char **argv)
{
    files all = {0};
    must(argc > 2);
    for (int i = 2; i < argc; i++)
        load(&all, argv[i]);
    must(all.n != 0);
    qsort(all.v, all.n, sizeof *all.v, by_content);
    open_last(argv[0]);
    if (LLVMFuzzerInitialize != NULL)
        LLVMFuzzerInitialize(&argc, &argv);
    for (size_t i = 0; i < all.n; i++)
        play(all.v[i].bytes, all.v[i].len);
    uint64_t mutants = strtoull(argv[1], NULL, 10);
    for (uint64_t i = 0; i < mutants; i++) {
        const mutate_seed *seed = &all.v[i % all.n];
        uint8_t *bytes = malloc(2 * seed->len + 16);
        must(bytes != NULL);
        mutate_start(i);
        size_t len = mutate(seed, bytes);
        play(bytes, len);
        free(bytes);
    }
    for (size_t i = 0; i < all.n; i++)
        free(all.v[i].bytes);
    free(all.v);
    unlink(last_path);
    printf("%zu seeds, %llu mutants\n", all.n, (unsigned long long)mutants);
    return 0;
}
