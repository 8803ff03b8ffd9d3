// The _tokenize module: the tokenizer's own view of a program, for tests of it.
#include <new>

#include "base/binding.h"
#include "base/names.h"
#include "syntax/tokenizer.h"

namespace gill {

namespace {

using ast::T;
using ast::Token;

struct TokenizerIter {
  PyObject_HEAD
  PyObject* filename;
  ast::Source source;
  ast::Tokenizer tokenizer;
};

// ---- numbers -------------------------------------------------------------------------------------------

// The number that the module `token` gives a kind; operators in the order of T from left_paren on.
constexpr unsigned char kOperatorNumbers[] = {
    7,  8,  9,  10, 25, 26,                          // ( ) [ ] { }
    11, 12, 13, 23, 52, 49, 51, 53, 22,              // : , ; . ... @ -> := =
    14, 15, 16, 17, 18, 19, 20, 21, 24, 31, 32,      // + - * / | & < > % ~ ^
    35, 47, 33, 34,                                  // ** // << >>
    27, 28, 29, 30,                                  // == != <= >=
    36, 37, 38, 50, 39, 40, 41, 42, 43, 44, 45, 46, 48,  // += -= *= @= /= %= &= |= ^= <<= >>= **= //=
};
constexpr int kFirstOperator = static_cast<int>(T::left_paren);
constexpr int kFirstKeyword = static_cast<int>(T::kw_False);
static_assert(std::size(kOperatorNumbers) == kFirstKeyword - kFirstOperator);

constexpr int kUnknownOperator = 54;

int number_of(T kind) {
  int index = static_cast<int>(kind);
  if (index >= kFirstKeyword) return 1;
  if (index >= kFirstOperator) return kOperatorNumbers[index - kFirstOperator];
  switch (kind) {
    case T::end_marker: return 0;
    case T::name: return 1;
    case T::number: return 2;
    case T::string: return 3;
    case T::newline: return 4;
    case T::indent: return 5;
    case T::dedent: return 6;
    case T::await_: return 55;
    case T::async_: return 56;
    case T::type_ignore: return 57;
    case T::type_comment: return 58;
    default: return kUnknownOperator;
  }
}

// ---- the type --------------------------------------------------------------------------------------------

Ref<> iterator_new(PyTypeObject* type, const char* source) {
  Ref<> filename = TRY(steal(PyUnicode_FromString("<string>")));
  Ref<TokenizerIter> self = TRY(Ref<TokenizerIter>::steal(type->tp_alloc(type, 0)));
  new (&self->source) ast::Source();
  new (&self->tokenizer) ast::Tokenizer(self->source, filename.get(), false);
  self->filename = filename.release();
  TRY(self->source.from_string(source, std::strlen(source), self->filename, true, true));
  return self;
}

void iterator_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<TokenizerIter*>(object);
  PyTypeObject* type = Py_TYPE(object);
  self->tokenizer.~Tokenizer();
  self->source.~Source();
  clear_field(self->filename);
  type->tp_free(object);
  release(as_object(type));
}

Ref<> iterator_next(TokenizerIter* self) {
  ast::Tokenizer& tokenizer = self->tokenizer;
  Token token = tokenizer.next();
  if (token.kind == T::error && PyErr_Occurred()) return nullptr;
  if (token.kind == T::error || token.kind == T::end_marker) return raise(PyExc_StopIteration, "EOF");
  bool empty = token.kind == T::indent || token.kind == T::dedent;
  Ref<> text = TRY(steal(PyUnicode_DecodeUTF8(tokenizer.text() + token.start, empty ? 0 : token.end - token.start, nullptr)));
  int line_start = tokenizer.buffer_start();
  Ref<> line = TRY(steal(PyUnicode_DecodeUTF8(tokenizer.text() + line_start, tokenizer.input_end() - line_start, "replace")));
  return steal(Py_BuildValue("(OiiiiiO)", text.get(), number_of(token.kind), token.lineno, token.end_lineno, token.col_offset,
                             token.end_col_offset, line.get()));
}

const PyType_Slot kSlots[] = {
    {Py_tp_new, (void*)CONSTRUCTOR("tokenizeriter($type, source)", iterator_new)},
    {Py_tp_dealloc, (void*)iterator_dealloc},
    {Py_tp_getattro, (void*)PyObject_GenericGetAttr},
    {Py_tp_iter, (void*)PyObject_SelfIter},
    {Py_tp_iternext, (void*)slot<iterator_next>},
    {0, nullptr},
};
PyType_Spec spec = {"_tokenize.TokenizerIter", sizeof(TokenizerIter), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
                    const_cast<PyType_Slot*>(kSlots)};

int execute(PyObject* module) {
  Ref<> type = TRY(steal(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return PyModule_AddType(module, reinterpret_cast<PyTypeObject*>(type.get()));
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};
PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_tokenize",
    .m_size = 0,
    .m_slots = slots,
};

}  // namespace

PyMODINIT_FUNC PyInit__tokenize() { return PyModuleDef_Init(&definition); }
GILL_BUILTIN_MODULE("_tokenize", PyInit__tokenize);

}  // namespace gill
