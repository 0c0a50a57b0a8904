/* AAPCS64: x19-x30, d8-d15 and FPCR. */
#if defined(__aarch64__)
    .text
    .globl sl_context_swap
    .hidden sl_context_swap
    .type sl_context_swap, %function
/* void sl_context_swap(void **from_sp, void *to_sp) */
sl_context_swap:
    .cfi_startproc
    sub sp, sp, #176
    .cfi_adjust_cfa_offset 176
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mrs x9, fpcr
    str x9, [sp, #160]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldr x9, [sp, #160]
    msr fpcr, x9
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #176
    .cfi_adjust_cfa_offset -176
    ret
    .cfi_endproc
    .size sl_context_swap, . - sl_context_swap

    .globl sl_context_start
    .hidden sl_context_start
    .type sl_context_start, %function
/* The first frame of a new stack: x19 is the function, x20 its argument. */
sl_context_start:
    .cfi_startproc
    .cfi_undefined x30
    mov x29, #0
    mov x30, #0
    mov x0, x20
    blr x19
    brk #1
    .cfi_endproc
    .size sl_context_start, . - sl_context_start
#endif
    .section .note.GNU-stack, "", %progbits
