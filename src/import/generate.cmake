# The source of the package gill, as text in the executable.
file(GLOB own_modules CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/import/gill/*.py)
add_custom_command(
  OUTPUT ${GENERATED}/own_modules.inc
  COMMAND ${REFERENCE_PYTHON} -I ${CMAKE_CURRENT_SOURCE_DIR}/import/embed_modules.py ${GENERATED}/own_modules.inc ${own_modules}
  DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/import/embed_modules.py ${own_modules}
  COMMENT "Embedding the package gill")
list(APPEND import_GENERATED ${GENERATED}/own_modules.inc)

# The code of the modules that start-up needs, as data.
add_custom_command(
  OUTPUT ${GENERATED}/frozen_code.cpp
  COMMAND ${REFERENCE_PYTHON} -I ${CMAKE_CURRENT_SOURCE_DIR}/import/freeze_modules.py ${GENERATED}/frozen_code.cpp ${GENERATED}/frozen_code.d
  DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/import/freeze_modules.py
  DEPFILE ${GENERATED}/frozen_code.d
  COMMENT "Freezing the modules that start-up needs")
list(APPEND import_GENERATED ${GENERATED}/frozen_code.cpp)
