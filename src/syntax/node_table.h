// What the table of node kinds says about each node, in a form that code can walk: the conversions
// between nodes and `_ast` objects, the `_ast` classes and the validator are loops over it.
#pragma once

#include <cstdint>

namespace gill::ast {

enum class FieldKind : uint8_t { identifier, string, constant, integer, choice, node };
enum class Quantity : uint8_t { one, optional, many };
enum class Shape : uint8_t { product, sum, simple };

struct FieldInfo {
  const char* name;
  FieldKind kind;
  Quantity quantity;
  int16_t offset;
  int16_t type;  // index in kTypes of a choice or a node
};

// A constructor: a class that has instances.
struct ClassInfo {
  const char* name;
  const char* doc;
  const FieldInfo* fields;
  int field_count;
  int size;
};

struct TypeInfo {
  const char* name;
  const char* doc;
  Shape shape;
  int first_class;  // in kClasses
  int class_count;
  int kind_offset;      // -1: there is only one kind
  int location_offset;  // -1: no positions
  bool end_is_optional;
};

}  // namespace gill::ast
