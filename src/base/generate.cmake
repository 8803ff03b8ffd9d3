# Character tables from what the reference interpreter knows about Unicode.
add_custom_command(
  OUTPUT ${GENERATED}/unicode_tables.inc
  COMMAND ${REFERENCE_PYTHON} -I ${CMAKE_CURRENT_SOURCE_DIR}/base/unicode_tables.py ${GENERATED}/unicode_tables.inc
  DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/base/unicode_tables.py
  COMMENT "Generating Unicode tables")
list(APPEND base_GENERATED ${GENERATED}/unicode_tables.inc)
