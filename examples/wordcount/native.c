/* The same counting, compiled natively: what the guest is compared with. */
#include <stdio.h>

#include "wordcount.h"

int main(int argc, char **argv)
{
    static uint8_t piece[65536];
    struct counts counts = {0};
    char line[64];
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: wordcount-native FILE\n");
        return 2;
    }
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) != 0;)
        count(&counts, piece, (uint32_t)n);
    int failed = ferror(file);
    fclose(file);
    fwrite(line, 1, format(&counts, line), stdout);
    return failed;
}
