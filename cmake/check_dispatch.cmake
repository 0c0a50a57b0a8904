# The interpreter's speed rests on one indirect jump per handler. Compilers may
# merge them without a word; this counts them in the built object.
#   cmake -DOBJDUMP=... -DOBJECTS=a.o;b.o -P check_dispatch.cmake
foreach(object IN LISTS OBJECTS)
  if(object MATCHES "interp/loop\\.c\\.o")
    set(loop ${object})
  endif()
endforeach()
execute_process(COMMAND ${OBJDUMP} -t ${loop} OUTPUT_VARIABLE symbols)
if(NOT symbols MATCHES "([0-9a-f]+) handlers(\\.[0-9]+)?\n")
  message(STATUS "dispatch is by switch: nothing to count")
  return()
endif()
math(EXPR handlers "0x${CMAKE_MATCH_1} / 8")
execute_process(COMMAND ${OBJDUMP} -d --no-show-raw-insn ${loop}
                OUTPUT_VARIABLE code)
string(REGEX MATCHALL "\t(jmp +\\*|br\t)" jumps "${code}")
list(LENGTH jumps n_jumps)
math(EXPR enough "${handlers} * 9 / 10")
message(STATUS "${handlers} handlers, ${n_jumps} indirect jumps")
if(n_jumps LESS enough)
  message(FATAL_ERROR "the compiler has merged the dispatch: ${n_jumps} "
    "indirect jumps for ${handlers} handlers")
endif()
