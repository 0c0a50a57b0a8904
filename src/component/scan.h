/* Reading a component by position: a window of the source, so that payloads
 * are skipped without being read. */
#ifndef SL_COMPONENT_SCAN_H
#define SL_COMPONENT_SCAN_H

#include "component/component_int.h"

#define SL_SCAN_AHEAD 64 /* bytes read at a time where headers are wanted */

/* A place in the source and the end of what contains it. All of it is sticky:
 * after the decoder's first error nothing is read any more. */
typedef struct sl_scan {
    sl_decoder *d;
    uint64_t at, end;
    uint8_t ahead[SL_SCAN_AHEAD]; /* bytes from `ahead_at` on */
    uint64_t ahead_at;
    size_t n_ahead;
} sl_scan;

bool sl_scan_end(sl_scan *c); /* "unexpected end"; false */
uint8_t sl_scan_u8(sl_scan *c);
uint32_t sl_scan_u32(sl_scan *c); /* LEB128, as is the next */
uint64_t sl_scan_u64(sl_scan *c);
/* The next `len` bytes for as long as the component lives. */
const uint8_t *sl_scan_take(sl_scan *c, uint64_t len);
void sl_scan_skip(sl_scan *c, uint64_t len);

/* One core:data definition. docs/data-segments.md, section 2. */
bool sl_decode_segment(sl_scan *c, sl_scope *s);

#endif
