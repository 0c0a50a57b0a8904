#!/usr/bin/env python3
"""Calls exports of a component in wasmtime, by the C interface of its Python
package: wasmtime_run.py COMPONENT [["export", 1, true], ...]. Arguments are u32s
and bools. Prints a JSON list: {"ok": result} or {"error": message} for each call, up to the
first error; a function with another result than u32, u64, string or none is not
called. Exit code 77: there is no such package.
"""
import ctypes
import json
import sys

try:
    from wasmtime import _bindings as b, _ffi as ffi
except ImportError:
    sys.exit(77)

BOOL, U32, U64, STRING = 0, 6, 8, 12
KINDS = [ffi.WASMTIME_COMPONENT_VALTYPE_U32.value, ffi.WASMTIME_COMPONENT_VALTYPE_U64.value,
         ffi.WASMTIME_COMPONENT_VALTYPE_STRING.value]


class Error(Exception):
    pass


def check(error):
    if error:
        message = b.wasm_name_t()
        b.wasmtime_error_message(error, ctypes.byref(message))
        raise Error(ctypes.string_at(message.data, message.size).decode())


def engine():
    config = b.wasm_config_new()
    for name in ('', '_async', '_async_stackful', '_more_async_builtins'):
        getattr(b, f'wasmtime_config_wasm_component_model{name}_set')(config, True)
    b.wasmtime_config_concurrency_support_set(config, True)
    return b.wasm_engine_new_with_config(config)


def finish(future, error):
    while not b.wasmtime_call_future_poll(future):
        pass
    b.wasmtime_call_future_delete(future)
    check(error)


def instantiate(engine_, component):
    store = b.wasmtime_store_new(engine_, None, ctypes.CFUNCTYPE(None, ctypes.c_void_p)(0))
    context = b.wasmtime_store_context(store)
    instance = b.wasmtime_component_instance_t()
    error = ctypes.POINTER(b.wasmtime_error_t)()
    finish(b.wasmtime_component_linker_instantiate_async(
        b.wasmtime_component_linker_new(engine_), context, component, ctypes.byref(instance),
        ctypes.byref(error)), error)
    return context, instance


def result_of(val):
    if val.kind in (U32, U64):
        return val.of.u32 if val.kind == U32 else val.of.u64
    if val.kind == STRING:
        return ctypes.string_at(val.of.string.data, val.of.string.size).decode()
    return None


def call(component, context, instance, name, numbers):
    func = b.wasmtime_component_func_t()
    index = b.wasmtime_component_get_export_index(component, None, name.encode(), len(name))
    if not index or not b.wasmtime_component_instance_get_func(
            ctypes.byref(instance), context, index, ctypes.byref(func)):
        raise Error(f'no export {name}')
    kind = b.wasmtime_component_valtype_t()
    n = int(b.wasmtime_component_func_type_result(
        b.wasmtime_component_func_type(ctypes.byref(func), context), ctypes.byref(kind)))
    if n and kind.kind not in KINDS:
        return 'a result of another type'  # which its C interface may not take
    args = (b.wasmtime_component_val_t * max(len(numbers), 1))()
    results = (b.wasmtime_component_val_t * 1)()
    for arg, number in zip(args, numbers):
        if isinstance(number, bool):
            arg.kind, arg.of.boolean = BOOL, number
        else:
            arg.kind, arg.of.u32 = U32, number
    error = ctypes.POINTER(b.wasmtime_error_t)()
    finish(b.wasmtime_component_func_call_async(
        ctypes.byref(func), context, args, len(numbers), results, n, ctypes.byref(error)), error)
    return result_of(results[0]) if n else None


def main():
    with open(sys.argv[1], 'rb') as f:
        data = f.read()
    engine_ = engine()
    component = ctypes.POINTER(b.wasmtime_component_t)()
    check(b.wasmtime_component_new(engine_, (ctypes.c_uint8 * len(data)).from_buffer_copy(data),
                                   len(data), ctypes.byref(component)))
    out, calls = [], json.loads(sys.argv[2])
    if calls:
        context, instance = instantiate(engine_, component)
    for name, *numbers in calls:
        try:
            out.append({'ok': call(component, context, instance, name, numbers)})
        except Error as error:
            out.append({'error': str(error)})
            break
    print(json.dumps(out))


main()
