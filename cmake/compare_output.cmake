# Runs PROGRAM ARGUMENT; fails unless it succeeds and prints what EXPECTED holds.
execute_process(COMMAND ${PROGRAM} ${ARGUMENT}
  OUTPUT_VARIABLE out ERROR_VARIABLE err RESULT_VARIABLE code)
file(READ ${EXPECTED} want)
if(NOT code EQUAL 0 OR NOT out STREQUAL want)
  message(FATAL_ERROR "exit ${code}\n--- printed\n${out}--- expected\n${want}"
    "--- on standard error\n${err}")
endif()
