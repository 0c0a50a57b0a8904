/* Contexts whose switch is a few instructions: fiber_<arch>.S. */
#include "task/fiber_san.h"

#if defined(__x86_64__) || defined(__aarch64__)
#include <string.h>

void sl_context_swap(void **from_sp, void *to_sp);
void sl_context_start(void);

#if defined(__x86_64__)
enum {
    FRAME_WORDS = 9, /* control words, r15 r14 r13 r12 rbx rbp, rip, pad */
    FN = 4,
    ARG = 3,
    PC = 7,
};
#else
enum {
    FRAME_WORDS = 22,
    FN = 0,  /* x19 */
    ARG = 1, /* x20 */
    PC = 11, /* x30 */
};
#endif

void sl_context_init(sl_context *context, void *stack, size_t bytes,
                     void (*fn)(void *), void *arg)
{
    uintptr_t top = ((uintptr_t)stack + bytes) & ~(uintptr_t)15;
    /* After the frame is popped the stack pointer must be 16-byte aligned. */
    uintptr_t *frame = (uintptr_t *)(top - (FRAME_WORDS + FRAME_WORDS % 2) * 8);
    memset(frame, 0, FRAME_WORDS * 8);
#if defined(__x86_64__)
    frame[0] = UINT64_C(0x037f00001f80); /* the ABI's: fcw 0x37f, mxcsr */
#endif
    frame[FN] = (uintptr_t)fn;
    frame[ARG] = (uintptr_t)arg;
    frame[PC] = (uintptr_t)sl_context_start;
    context->sp = frame;
}

SAN_UNSEEN void sl_context_switch(sl_context *from, sl_context *to)
{
    sl_context_swap(&from->sp, to->sp);
}
#endif
