# The order of files within a floor. What a start executes stands together, so that the pages of everything else stay out of memory:
# the kernel maps 64 KiB around each page that is touched (bench/memory/startup.py measures what a start needs).

# Modules that a start imports; the other modules come behind them.
set(EARLY_modules "abc_module|builtins.*|codecs_module|errno_module|faulthandler_.*|gc_module|imp|io/.*|marshal|posix/(arguments|configuration|constants|\
directory|environment|posix_module|scandir|stat)|signal_module|stat_module|sys|sys_.*|thread_.*|time_.*|warnings|weakref_module")
# Files of the other floors that a start does not need; they come behind the rest of their floor.
set(LATE_runtime "fork|random")
set(LATE_objects "anext_awaitable|async_generator|builtin_iterators|byte_text|bytes_percent|capsule|code_type|complex.*|context|exceptions_group|\
exceptions_unicode|float_.*|frame_jump|frame_type|generator_types|hamt|int_bits|int_divide|int_text|number_format|object_reduce|odict.*|\
picklebuffer|range|str_charmap|str_escape|str_percent|str_utf7|str_utf16|type_parameters|union|weakref_proxy")
set(LATE_syntax "arena_api|ast_.*|diagnose.*|fstring|literals|object_to_ast|parse_.*|validate")
set(LATE_compiler "control|expressions|functions|patterns|stack_effect|unparse")
set(LATE_vm "eval_hooks|thread_frames|tracing")
set(LATE_capi "config_access|cross_interpreter|dump|fatal_error|fileutils|frozen_main|hashtable|help|interpreter_id|path_getters|print_.*|\
published_forms|readline|suggestions")

# Reorders the list of a floor's sources, given as full paths.
function(order_for_start floor list_name)
  set(sources ${${list_name}})
  set(behind ${sources})
  set(folder "${CMAKE_CURRENT_SOURCE_DIR}/${floor}")
  if(DEFINED EARLY_${floor})
    list(FILTER sources INCLUDE REGEX "^${folder}/(${EARLY_${floor}})\\.cpp$")
    list(FILTER behind EXCLUDE REGEX "^${folder}/(${EARLY_${floor}})\\.cpp$")
  elseif(DEFINED LATE_${floor})
    list(FILTER sources EXCLUDE REGEX "^${folder}/(${LATE_${floor}})\\.cpp$")
    list(FILTER behind INCLUDE REGEX "^${folder}/(${LATE_${floor}})\\.cpp$")
  else()
    set(behind "")
  endif()
  set(${list_name} ${sources} ${behind} PARENT_SCOPE)
endfunction()

# A linker script that puts the functions and constants of link_order/*.txt, which tools/link_order.py writes, in front of all others. An
# ordering file would not find those to whose names the link-time optimizer appends a hash. A function's constants are its jump tables, and
# what its variables begin with. "archive:member" stands for all code of that file.
function(write_link_script script)
  foreach(kind functions constants)
    set(order ${CMAKE_CURRENT_SOURCE_DIR}/link_order/${kind}.txt)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${order})
    file(STRINGS ${order} ${kind})
  endforeach()
  set(tables ${functions})
  list(FILTER tables EXCLUDE REGEX ":")
  list(TRANSFORM tables REPLACE "(.+)" "*(.rodata.\\1 .rodata.\\1.llvm.* .rodata.__const.\\1.* .rodata..L__const.\\1.* .rodata..Lswitch.table.\\1*)")
  list(TRANSFORM constants REPLACE "(.+)" "*(.rodata.\\1 .rodata.\\1.llvm.*)")
  list(TRANSFORM functions REPLACE "^([^:]+)$" "*(.text.\\1 .text.\\1.llvm.* .text.hot.\\1 .text.hot.\\1.llvm.* .text.unlikely.\\1 .text.unlikely.\\1.llvm.*)")
  list(TRANSFORM functions REPLACE "^(.+:.+)$" "*\\1(.text .text.*)")
  foreach(kind functions constants tables)
    list(JOIN ${kind} "\n" ${kind})
  endforeach()
  # What freeze_modules.py writes: what the fewest programs use comes last.
  set(frozen "")
  foreach(section start_code start_names start_tuples start_rest more_code more_names more_tuples more_rest unread)
    string(APPEND frozen " *(.data.frozen_${section})")
  endforeach()
  file(CONFIGURE OUTPUT ${script} CONTENT "SECTIONS {\n.text.front : {\n*(.text.startup .text.startup.*)\n*crt*.o(.text)\n*(.plt)\n@functions@\n}\n}\nINSERT BEFORE .text;\n
SECTIONS {\ngill_types : { *(gill_types) }\ngill_modules : { *(gill_modules) }\n.rodata.front : {\n@constants@\n*(.rodata._ZN4gill12signature_of*)\n@tables@\n*(.rodata.cst* .rodata.str* .rodata..L.str* .rodata..Lconstinit*)\n}\n}\nINSERT BEFORE .rodata;\n
SECTIONS {\n.data.frozen : { @frozen@ }\n}\nINSERT AFTER .data;\n" @ONLY)
endfunction()
