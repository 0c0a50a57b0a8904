/* Contexts for every other processor, by <ucontext.h>. */
#include "task/fiber_san.h"

#if !defined(__x86_64__) && !defined(__aarch64__)

/* makecontext passes ints only. */
static void start(unsigned fn_low, unsigned fn_high, unsigned arg_low,
                  unsigned arg_high)
{
    uintptr_t fn = (uintptr_t)((uint64_t)fn_high << 32 | fn_low);
    uintptr_t arg = (uintptr_t)((uint64_t)arg_high << 32 | arg_low);
    ((void (*)(void *))fn)((void *)arg);
}

void sl_context_init(sl_context *context, void *stack, size_t bytes,
                     void (*fn)(void *), void *arg)
{
    uint64_t f = (uintptr_t)fn, a = (uintptr_t)arg;

    getcontext(&context->uc);
    context->uc.uc_stack.ss_sp = stack;
    context->uc.uc_stack.ss_size = bytes;
    context->uc.uc_link = NULL;
    makecontext(&context->uc, (void (*)(void))start, 4, (unsigned)f,
                (unsigned)(f >> 32), (unsigned)a, (unsigned)(a >> 32));
}

SAN_UNSEEN void sl_context_switch(sl_context *from, sl_context *to)
{
    swapcontext(&from->uc, &to->uc);
}
#endif
