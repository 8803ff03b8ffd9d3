# The character database from the reference interpreter's own.
add_custom_command(
  OUTPUT ${GENERATED}/unicodedata_tables.inc
  COMMAND ${REFERENCE_PYTHON} -I ${CMAKE_CURRENT_SOURCE_DIR}/modules/unicodedata_tables.py ${GENERATED}/unicodedata_tables.inc
  DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/modules/unicodedata_tables.py
  COMMENT "Generating the Unicode character database")
list(APPEND modules_GENERATED ${GENERATED}/unicodedata_tables.inc)
