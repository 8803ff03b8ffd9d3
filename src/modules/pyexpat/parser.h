// What the files of `pyexpat` share: the parser object and its handlers.
#pragma once

#include <expat.h>

#include "base/binding.h"
#include "base/names.h"
#include "modules/pyexpat/unknown_encoding.h"

namespace gill::pyexpat {

struct State {
  PyTypeObject* parser_type;
  PyObject* error;
};

extern PyModuleDef module_definition;

inline State* state_of(PyObject* module) { return static_cast<State*>(PyModule_GetState(module)); }
inline State* state_of_type(PyTypeObject* type) {
  PyObject* module = PyType_GetModuleByDef(type, &module_definition);
  return module ? state_of(module) : nullptr;
}

enum HandlerIndex {
  kStartElement,
  kEndElement,
  kProcessingInstruction,
  kCharacterData,
  kUnparsedEntityDecl,
  kNotationDecl,
  kStartNamespaceDecl,
  kEndNamespaceDecl,
  kComment,
  kStartCdataSection,
  kEndCdataSection,
  kDefault,
  kDefaultExpand,
  kNotStandalone,
  kExternalEntityRef,
  kStartDoctypeDecl,
  kEndDoctypeDecl,
  kEntityDecl,
  kXmlDecl,
  kElementDecl,
  kAttlistDecl,
  kSkippedEntity,
  kHandlers
};

struct Parser {
  PyObject_HEAD
  XML_Parser expat;
  bool ordered_attributes;
  bool specified_attributes;
  bool in_callback;
  bool namespace_prefixes;
  char* buffer;  // text not yet given to the handler, or null where texts are not put together
  int buffer_size;
  int buffer_used;
  PyObject* intern;  // dict of names, or null
  PyObject* handlers[kHandlers];
};

// Switch expat's callbacks on and off.
using Installer = void (*)(XML_Parser parser, bool on);
extern const Installer kInstallers[kHandlers];

// UTF-8 text; a null pointer is None.
Ref<> text_of(const XML_Char* text);

// Gives the buffered text to its handler.
Status flush_text(Parser* self);
// Takes all handlers out, as far as the object is concerned; with `detach`, out of expat too.
void clear_handlers(Parser* self, bool detach);
// Replaces the handler of texts within one of its calls, where expat would not stand its removal.
void silence_text_handler(Parser* self);

Status add_parser_type(PyObject* module);
Ref<> create_parser(PyObject* module, PyObject* encoding, PyObject* namespace_separator, PyObject* intern);

}  // namespace gill::pyexpat
