// Function forms of what Python.h also has as macros or inline functions, for callers that only know symbols, and the
// table of token kinds.
#include <Python.h>

#include <cstdio>
#include <cstring>

#include "base/names.h"
#include "base/result.h"
#include "capi/config.h"
#include "capi/exception_printer.h"
#include "capi/lifecycle.h"

#undef Py_IsTrue
#undef Py_IsFalse
#undef PyType_SUPPORTS_WEAKREFS

using namespace gill;

#define PUBLISHED [[gnu::visibility("default")]]

extern "C" {

PUBLISHED int Py_IsTrue(PyObject* object) { return object == Py_True; }
PUBLISHED int Py_IsFalse(PyObject* object) { return object == Py_False; }
PUBLISHED int PyType_SUPPORTS_WEAKREFS(PyTypeObject* type) { return type->tp_weaklistoffset > 0; }
PUBLISHED PyObject** PyObject_GET_WEAKREFS_LISTPTR(PyObject* object) {
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + Py_TYPE(object)->tp_weaklistoffset);
}

// The published head of a symbol table, for who has one: its blocks by the addresses of their nodes. The compiler's own look
// different.
struct symtable {
  PyObject *filename, *current, *top, *blocks;
};
PUBLISHED PyObject* PySymtable_Lookup(struct symtable* table, void* node) {
  Ref<> key = steal(PyLong_FromVoidPtr(node));
  if (!key) return nullptr;
  PyObject* entry = PyDict_GetItemWithError(table->blocks, key.get());
  if (!entry && !PyErr_Occurred()) PyErr_SetString(PyExc_KeyError, "unknown symbol table entry");
  return Py_XNewRef(entry);
}

// ---- tokens ---------------------------------------------------------------------------------------------------

// By number, as token.h has them.
PUBLISHED extern const char* const _PyParser_TokenNames[];
const char* const _PyParser_TokenNames[] = {
    "ENDMARKER",     "NAME",        "NUMBER",       "STRING",         "NEWLINE",       "INDENT",      "DEDENT",      "LPAR",
    "RPAR",          "LSQB",        "RSQB",         "COLON",          "COMMA",         "SEMI",        "PLUS",        "MINUS",
    "STAR",          "SLASH",       "VBAR",         "AMPER",          "LESS",          "GREATER",     "EQUAL",       "DOT",
    "PERCENT",       "LBRACE",      "RBRACE",       "EQEQUAL",        "NOTEQUAL",      "LESSEQUAL",   "GREATEREQUAL", "TILDE",
    "CIRCUMFLEX",    "LEFTSHIFT",   "RIGHTSHIFT",   "DOUBLESTAR",     "PLUSEQUAL",     "MINEQUAL",    "STAREQUAL",   "SLASHEQUAL",
    "PERCENTEQUAL",  "AMPEREQUAL",  "VBAREQUAL",    "CIRCUMFLEXEQUAL", "LEFTSHIFTEQUAL", "RIGHTSHIFTEQUAL", "DOUBLESTAREQUAL", "DOUBLESLASH",
    "DOUBLESLASHEQUAL", "AT",       "ATEQUAL",      "RARROW",         "ELLIPSIS",      "COLONEQUAL",  "OP",          "AWAIT",
    "ASYNC",         "TYPE_IGNORE", "TYPE_COMMENT", "SOFT_KEYWORD",   "<ERRORTOKEN>",  "<COMMENT>",   "<NL>",        "<ENCODING>",
    "<N_TOKENS>",
};

constexpr int kOperatorToken = 54;
struct OperatorToken {
  char text[4];
  int kind;
};
constexpr OperatorToken kOperators[] = {
    {"(", 7},   {")", 8},   {"[", 9},   {"]", 10},  {":", 11},  {",", 12},  {";", 13},  {"+", 14},  {"-", 15},  {"*", 16},   {"/", 17},   {"|", 18},
    {"&", 19},  {"<", 20},  {">", 21},  {"=", 22},  {".", 23},  {"%", 24},  {"{", 25},  {"}", 26},  {"==", 27}, {"!=", 28},  {"<>", 28},  {"<=", 29},
    {">=", 30}, {"~", 31},  {"^", 32},  {"<<", 33}, {">>", 34}, {"**", 35}, {"+=", 36}, {"-=", 37}, {"*=", 38}, {"/=", 39},  {"%=", 40},  {"&=", 41},
    {"|=", 42}, {"^=", 43}, {"<<=", 44}, {">>=", 45}, {"**=", 46}, {"//", 47}, {"//=", 48}, {"@", 49}, {"@=", 50}, {"->", 51}, {"...", 52}, {":=", 53},
};
static int operator_kind(int c1, int c2, int c3) {
  char text[4] = {static_cast<char>(c1), static_cast<char>(c2), static_cast<char>(c3), 0};
  for (const OperatorToken& known : kOperators) {
    if (std::memcmp(known.text, text, 4) == 0) return known.kind;
  }
  return kOperatorToken;
}
PUBLISHED int PyToken_OneChar(int c) { return operator_kind(c, 0, 0); }
PUBLISHED int PyToken_TwoChars(int c1, int c2) { return operator_kind(c1, c2, 0); }
PUBLISHED int PyToken_ThreeChars(int c1, int c2, int c3) { return operator_kind(c1, c2, c3); }

// ---- exceptions -------------------------------------------------------------------------------------------------

PUBLISHED int _PyTraceBack_Print_Indented(PyObject* traceback, int indent, const char*, const char* header_margin, const char* header, PyObject* file) {
  if (!traceback) return 0;
  if (!PyTraceBack_Check(traceback)) {
    PyErr_BadInternalCall();
    return -1;
  }
  ExceptionPrinter out{file, nullptr};
  out.group_depth = indent / 2;
  return static_cast<int>(print_traceback(out, traceback, header_margin, header));
}

// Whether the exception that is set ends the program; then its exit code.
PUBLISHED int _Py_HandleSystemExit(int* code) {
  if (_Py_GetConfig()->inspect || !PyErr_ExceptionMatches(PyExc_SystemExit)) return 0;
  *code = system_exit_code();
  return 1;
}

// ---- source -------------------------------------------------------------------------------------------------------

// The text of what compile() and its like take: str, bytes or a buffer. `*copy` owns it.
PUBLISHED const char* _Py_SourceAsString(PyObject* source, const char* function, const char* what, PyCompilerFlags* flags, PyObject** copy) {
  *copy = nullptr;
  Py_ssize_t size;
  const char* text;
  if (PyUnicode_Check(source)) {
    flags->cf_flags |= PyCF_IGNORE_COOKIE;
    text = PyUnicode_AsUTF8AndSize(source, &size);
    if (!text) return nullptr;
  } else if (PyBytes_Check(source)) {
    text = PyBytes_AS_STRING(source);
    size = PyBytes_GET_SIZE(source);
  } else if (PyByteArray_Check(source)) {
    text = PyByteArray_AS_STRING(source);
    size = PyByteArray_GET_SIZE(source);
  } else {
    Py_buffer view;
    if (PyObject_GetBuffer(source, &view, PyBUF_SIMPLE) != 0) return raise(PyExc_TypeError, "%s() arg 1 must be a %s object", function, what);
    *copy = PyBytes_FromStringAndSize(static_cast<const char*>(view.buf), view.len);
    PyBuffer_Release(&view);
    if (!*copy) return nullptr;
    text = PyBytes_AS_STRING(*copy);
    size = PyBytes_GET_SIZE(*copy);
  }
  if (std::strlen(text) == static_cast<size_t>(size)) return text;
  Py_CLEAR(*copy);
  return raise(PyExc_ValueError, "source code string cannot contain null bytes");
}

PUBLISHED PyObject* _PyDictView_Intersect(PyObject* view, PyObject* other) { return PyNumber_And(view, other); }

// ---- statistics of free lists, which our heap does without ---------------------------------------------------------------

PUBLISHED void _PyDict_DebugMallocStats(FILE*) {}
PUBLISHED void _PyList_DebugMallocStats(FILE*) {}
PUBLISHED void _PyTuple_DebugMallocStats(FILE*) {}

}  // extern "C"
