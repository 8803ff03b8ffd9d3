# The source of the package gill, as text in the executable.
file(GLOB own_modules CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/import/gill/*.py)
add_custom_command(
  OUTPUT ${GENERATED}/own_modules.inc
  COMMAND ${REFERENCE_PYTHON} -I ${CMAKE_CURRENT_SOURCE_DIR}/import/embed_modules.py ${GENERATED}/own_modules.inc ${own_modules}
  DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/import/embed_modules.py ${own_modules}
  COMMENT "Embedding the package gill")
list(APPEND import_GENERATED ${GENERATED}/own_modules.inc)
