/* Counting lines, words and bytes as wc(1) does in the C locale: one piece
 * after another. Shared by the guest and the native program it is compared
 * with. */
#ifndef WORDCOUNT_H
#define WORDCOUNT_H

#include <stdint.h>

struct counts {
    uint64_t lines, words, bytes;
    int in_word;
};

static inline int is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What begins a word; other bytes (control, non-ASCII) neither begin nor end
 * one. */
static inline int is_graphic(uint8_t c)
{
    return c > ' ' && c < 0x7f;
}

static void count(struct counts *c, const uint8_t *piece, uint32_t len)
{
    uint64_t lines = 0, words = 0;
    int in_word = c->in_word;
    for (uint32_t i = 0; i < len; i++) {
        uint8_t byte = piece[i];
        int graphic = is_graphic(byte);
        lines += byte == '\n';
        words += graphic & !in_word;
        in_word = (in_word | graphic) & !is_space(byte);
    }
    c->lines += lines;
    c->words += words;
    c->bytes += len;
    c->in_word = in_word;
}

/* "lines words bytes\n" into out[64]; returns the length. */
static uint32_t format(const struct counts *c, char *out)
{
    const uint64_t numbers[3] = {c->lines, c->words, c->bytes};
    uint32_t len = 0;
    for (int i = 0; i < 3; i++) {
        char digits[20];
        int n = 0;
        uint64_t rest = numbers[i];
        do {
            digits[n++] = (char)('0' + rest % 10);
            rest /= 10;
        } while (rest != 0);
        while (n > 0)
            out[len++] = digits[--n];
        out[len++] = i < 2 ? ' ' : '\n';
    }
    return len;
}

#endif
