# The tree's nodes and the tables about them, from the one schema. Other floors include the header, so it is
# made at configure time as well.
set(AST_NODE_SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/syntax/generate_nodes.py ${CMAKE_CURRENT_SOURCE_DIR}/syntax/nodes.schema)
set(AST_NODE_COMMAND ${REFERENCE_PYTHON} -I ${AST_NODE_SOURCES} ${GENERATED}/syntax/ast_nodes.h ${GENERATED}/syntax/ast_nodes.cpp)
file(MAKE_DIRECTORY ${GENERATED}/syntax)
execute_process(COMMAND ${AST_NODE_COMMAND} COMMAND_ERROR_IS_FATAL ANY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${AST_NODE_SOURCES})
list(APPEND syntax_GENERATED ${GENERATED}/syntax/ast_nodes.h ${GENERATED}/syntax/ast_nodes.cpp)
