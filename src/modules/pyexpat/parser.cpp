// pyexpat.xmlparser: feeding expat, its settings, its positions and its errors.
#include "base/defining_class_method.h"
#include "modules/pyexpat/parser.h"

#include <structmember.h>

#include "modules/default_argument.h"
#include "objects/object.h"

namespace gill::pyexpat {

namespace {

constexpr Py_ssize_t kLongestChunk = 1 << 20;
constexpr int kReadSize = 2048;
constexpr int kTextBufferSize = 8192;

// ---- errors ------------------------------------------------------------------------------------------------

Status set_number(PyObject* error, PyObject* attribute_name, long long value) {
  Ref<> number = TRY(steal(PyLong_FromLongLong(value)));
  return status_of(PyObject_SetAttr(error, attribute_name, number.get()));
}

Status set_error(State* state, Parser* self, XML_Error code) {
  auto line = static_cast<long long>(XML_GetErrorLineNumber(self->expat));
  auto column = static_cast<long long>(XML_GetErrorColumnNumber(self->expat));
  Ref<> message = TRY(steal(PyUnicode_FromFormat("%s: line %lld, column %lld", XML_ErrorString(code), line, column)));
  Ref<> error = TRY(call(state->error, message.get()));
  TRY(set_number(error.get(), name<"code">, code));
  TRY(set_number(error.get(), name<"offset">, column));
  TRY(set_number(error.get(), name<"lineno">, line));
  PyErr_SetObject(state->error, error.get());
  return Status::error;
}
Failure raise_error(State* state, Parser* self, XML_Error code) {
  (void)set_error(state, self, code);
  return failure;
}

Ref<> parse_result(State* state, Parser* self, int status) {
  if (PyErr_Occurred()) return nullptr;
  if (status == 0) return raise_error(state, self, XML_GetErrorCode(self->expat));
  TRY(flush_text(self));
  return steal(PyLong_FromLong(status));
}

// ---- feeding -------------------------------------------------------------------------------------------------

Ref<> parse(Parser* self, PyObject* data, Default<0> is_final) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  BufferArgument view;
  const char* bytes;
  Py_ssize_t size;
  if (PyUnicode_Check(data)) {
    bytes = TRY(PyUnicode_AsUTF8AndSize(data, &size));
    // Whatever the document says of its encoding, this is it.
    (void)XML_SetEncoding(self->expat, "utf-8");
  } else {
    TRY(status_of(PyObject_GetBuffer(data, &view.view(), PyBUF_SIMPLE)));
    bytes = view.data();
    size = view.size();
  }
  while (size > kLongestChunk) {
    int status = XML_Parse(self->expat, bytes, kLongestChunk, 0);
    if (!status) return parse_result(state, self, status);
    bytes += kLongestChunk;
    size -= kLongestChunk;
  }
  return parse_result(state, self, XML_Parse(self->expat, bytes, static_cast<int>(size), is_final.value));
}

// Reads into expat's own buffer; the number of bytes.
Maybe<int> read_into(char* buffer, PyObject* read) {
  Ref<> wanted = TRY(steal(PyLong_FromLong(kReadSize)));
  Ref<> text = TRY(call(read, wanted.get()));
  const char* bytes;
  Py_ssize_t size;
  if (PyBytes_Check(text.get())) {
    bytes = PyBytes_AS_STRING(text.get());
    size = PyBytes_GET_SIZE(text.get());
  } else if (PyByteArray_Check(text.get())) {
    bytes = PyByteArray_AS_STRING(text.get());
    size = PyByteArray_GET_SIZE(text.get());
  } else {
    return raise(PyExc_TypeError, "read() did not return a bytes object (type=%.400s)", Py_TYPE(text.get())->tp_name);
  }
  if (size > kReadSize) {
    return raise(PyExc_ValueError, "read() returned too much data: %i bytes requested, %zd returned", kReadSize, size);
  }
  std::memcpy(buffer, bytes, static_cast<size_t>(size));
  return static_cast<int>(size);
}

Ref<> parse_file(Parser* self, PyObject* file) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  bool failed;
  Ref<> read = optional_attribute(file, name<"read">, &failed);
  if (failed) return nullptr;
  if (!read) return raise(PyExc_TypeError, "argument must have 'read' attribute");
  int status;
  while (true) {
    void* buffer = XML_GetBuffer(self->expat, kReadSize);
    if (!buffer) return parse_result(state, self, 0);
    int size = TRY(read_into(static_cast<char*>(buffer), read.get()));
    status = XML_ParseBuffer(self->expat, size, size == 0);
    if (PyErr_Occurred()) return nullptr;
    if (!status || size == 0) break;
  }
  return parse_result(state, self, status);
}

// ---- settings ------------------------------------------------------------------------------------------------

Status set_base(Parser* self, const char* base) {
  if (!XML_SetBase(self->expat, base)) {
    PyErr_NoMemory();
    return Status::error;
  }
  return Status::ok;
}
Ref<> get_base(Parser* self) { return text_of(XML_GetBase(self->expat)); }

Ref<> input_context(Parser* self) {
  if (!self->in_callback) return none();
  int offset, size;
  const char* context = XML_GetInputContext(self->expat, &offset, &size);
  if (!context) return none();
  return steal(PyBytes_FromStringAndSize(context + offset, size - offset));
}

Maybe<int> set_parameter_entity_parsing(Parser* self, int flag) {
  return XML_SetParamEntityParsing(self->expat, static_cast<XML_ParamEntityParsing>(flag));
}

Status use_foreign_dtd(Parser* self, bool flag) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  XML_Error code = XML_UseForeignDTD(self->expat, flag ? XML_TRUE : XML_FALSE);
  return code == XML_ERROR_NONE ? Status::ok : set_error(state, self, code);
}

// ---- creation ------------------------------------------------------------------------------------------------

// UTF-8 of an argument, null for None. `argument` begins the message for another type.
Status text_or_none(const char* argument, PyObject* value, const char** text, Py_ssize_t* size) {
  *text = nullptr;
  *size = 0;
  if (value == Py_None) return Status::ok;
  if (!PyUnicode_Check(value)) return raise(PyExc_TypeError, "%s must be str or None, not %.50s", argument, Py_TYPE(value)->tp_name);
  *text = TRY(PyUnicode_AsUTF8AndSize(value, size));
  if (std::strlen(*text) != static_cast<size_t>(*size)) return raise(PyExc_ValueError, "embedded null character");
  return Status::ok;
}

// A parser that knows its interning dict but no settings, not yet tracked by the collector.
Ref<Parser> allocate(PyTypeObject* type, PyObject* intern) {
  Ref<Parser> self = TRY(Ref<Parser>::steal(PyObject_GC_New(Parser, type)));
  std::memset(reinterpret_cast<char*>(self.get()) + sizeof(PyObject), 0, sizeof(Parser) - sizeof(PyObject));
  self->buffer_size = kTextBufferSize;
  self->intern = borrow(intern).release();
  return self;
}

Ref<> create_for_entity(Parser* self, PyObject* context, const char* encoding) {
  State* state = TRY(state_of_type(Py_TYPE(self)));
  const char* context_text;
  Py_ssize_t context_size;
  TRY(text_or_none("ExternalEntityParserCreate() argument 1", context, &context_text, &context_size));
  Ref<Parser> created = TRY(allocate(state->parser_type, self->intern));
  created->buffer_size = self->buffer_size;
  created->ordered_attributes = self->ordered_attributes;
  created->specified_attributes = self->specified_attributes;
  created->namespace_prefixes = self->namespace_prefixes;
  created->expat = XML_ExternalEntityParserCreate(self->expat, context_text, encoding);
  PyObject_GC_Track(created.object());
  if (self->buffer) {
    created->buffer = static_cast<char*>(PyMem_Malloc(static_cast<size_t>(self->buffer_size)));
    if (!created->buffer) {
      PyErr_NoMemory();
      return nullptr;
    }
  }
  if (!created->expat) {
    PyErr_NoMemory();
    return nullptr;
  }
  XML_SetUserData(created->expat, created.get());
  for (int i = 0; i < kHandlers; ++i) {
    if (!self->handlers[i]) continue;
    created->handlers[i] = borrow(self->handlers[i]).release();
    kInstallers[i](created->expat, true);
  }
  return created;
}

int parser_clear(PyObject* object) {
  auto* self = reinterpret_cast<Parser*>(object);
  clear_handlers(self, self->expat != nullptr);
  clear_field(self->intern);
  return 0;
}

int parser_traverse(PyObject* object, visitproc visit, void* arg) {
  auto* self = reinterpret_cast<Parser*>(object);
  for (PyObject* handler : self->handlers) Py_VISIT(handler);
  Py_VISIT(self->intern);
  Py_VISIT(Py_TYPE(object));
  return 0;
}

void parser_dealloc(PyObject* object) {
  auto* self = reinterpret_cast<Parser*>(object);
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (self->expat) XML_ParserFree(std::exchange(self->expat, nullptr));
  parser_clear(object);
  PyMem_Free(self->buffer);
  type->tp_free(object);
  release(as_object(type));
}

// ---- attributes ------------------------------------------------------------------------------------------------

template <HandlerIndex I>
Ref<> get_handler(Parser* self) {
  return borrow(self->handlers[I] ? self->handlers[I] : Py_None);
}

Status change_handler(Parser* self, HandlerIndex index, PyObject* value) {
  if (!value) return raise(PyExc_RuntimeError, "Cannot delete attribute");
  // What was read so far belongs to the handler that goes.
  if (index == kCharacterData) TRY(flush_text(self));
  bool on = value != Py_None;
  Ref<> old = steal(std::exchange(self->handlers[index], on ? borrow(value).release() : nullptr));
  if (!on && index == kCharacterData && self->in_callback) silence_text_handler(self);
  else kInstallers[index](self->expat, on);
  return Status::ok;
}
template <HandlerIndex I>
Status set_handler(Parser* self, PyObject* value) {
  return change_handler(self, I, value);
}

template <auto Function>
Maybe<long long> position(Parser* self) {
  return static_cast<long long>(Function(self->expat));
}

Maybe<bool> truth_for(PyObject* value) {
  if (!value) return raise(PyExc_RuntimeError, "Cannot delete attribute");
  return truth_of(PyObject_IsTrue(value));
}

Maybe<bool> get_buffer_text(Parser* self) { return self->buffer != nullptr; }
Status set_buffer_text(Parser* self, PyObject* value) {
  bool on = TRY(truth_for(value));
  if (on && !self->buffer) {
    self->buffer = static_cast<char*>(PyMem_Malloc(static_cast<size_t>(self->buffer_size)));
    if (!self->buffer) {
      PyErr_NoMemory();
      return Status::error;
    }
    self->buffer_used = 0;
  } else if (!on && self->buffer) {
    TRY(flush_text(self));
    PyMem_Free(std::exchange(self->buffer, nullptr));
  }
  return Status::ok;
}

Maybe<int> get_buffer_size(Parser* self) { return self->buffer_size; }
Status set_buffer_size(Parser* self, PyObject* value) {
  if (!value) return raise(PyExc_RuntimeError, "Cannot delete attribute");
  if (!PyLong_Check(value)) return raise(PyExc_TypeError, "buffer_size must be an integer");
  long size = TRY(checked(PyLong_AsLong(value)));
  if (size <= 0) return raise(PyExc_ValueError, "buffer_size must be greater than zero");
  if (size > INT_MAX) return raise(PyExc_ValueError, "buffer_size must not be greater than %i", INT_MAX);
  if (size == self->buffer_size) return Status::ok;
  // No text may be in it when it shrinks. Giving a size switches the buffer on, in the reference too.
  TRY(flush_text(self));
  PyMem_Free(std::exchange(self->buffer, nullptr));
  self->buffer = static_cast<char*>(PyMem_Malloc(static_cast<size_t>(size)));
  if (!self->buffer) {
    PyErr_NoMemory();
    return Status::error;
  }
  self->buffer_size = static_cast<int>(size);
  return Status::ok;
}
Maybe<int> get_buffer_used(Parser* self) { return self->buffer_used; }

Maybe<bool> get_namespace_prefixes(Parser* self) { return self->namespace_prefixes; }
Status set_namespace_prefixes(Parser* self, PyObject* value) {
  self->namespace_prefixes = TRY(truth_for(value));
  XML_SetReturnNSTriplet(self->expat, self->namespace_prefixes);
  return Status::ok;
}
Maybe<bool> get_ordered_attributes(Parser* self) { return self->ordered_attributes; }
Status set_ordered_attributes(Parser* self, PyObject* value) {
  self->ordered_attributes = TRY(truth_for(value));
  return Status::ok;
}
Maybe<bool> get_specified_attributes(Parser* self) { return self->specified_attributes; }
Status set_specified_attributes(Parser* self, PyObject* value) {
  self->specified_attributes = TRY(truth_for(value));
  return Status::ok;
}

const PyMethodDef kMethods[] = {
    METHOD_OF_DEFINING_CLASS("Parse($self, data, isfinal=False, /)", parse, "Parse XML data.\n\n`isfinal' should be true at end of input."),
    METHOD_OF_DEFINING_CLASS("ParseFile($self, file, /)", parse_file, "Parse XML data from file-like object."),
    METHOD("SetBase($self, base, /)", set_base, "Set the base URL for the parser."),
    METHOD("GetBase($self, /)", get_base, "Return base URL string for the parser."),
    METHOD("GetInputContext($self, /)", input_context,
           "Return the untranslated text of the input that caused the current event.\n\n"
           "For a large amount of text (such as a start tag for an element with many\nattributes), not all of the text may be available."),
    METHOD_OF_DEFINING_CLASS("ExternalEntityParserCreate($self, context, encoding=<unrepresentable>,\n                           /)", create_for_entity,
           "Create a parser for parsing an external entity based on the information passed to the ExternalEntityRefHandler."),
    METHOD("SetParamEntityParsing($self, flag, /)", set_parameter_entity_parsing,
           "Controls parsing of parameter entities (including the external DTD subset).\n\n"
           "Possible flag values are XML_PARAM_ENTITY_PARSING_NEVER,\nXML_PARAM_ENTITY_PARSING_UNLESS_STANDALONE and\n"
           "XML_PARAM_ENTITY_PARSING_ALWAYS. Returns true if setting the flag\nwas successful."),
    METHOD_OF_DEFINING_CLASS("UseForeignDTD($self, flag=True, /)", use_foreign_dtd,
           "Allows the application to provide an artificial external subset if one is not specified as part of the document instance.\n\n"
           "This readily allows the use of a 'default' document type controlled by the\napplication."),
    kEndOfMethods,
};

const PyMemberDef kMembers[] = {
    {"intern", T_OBJECT, offsetof(Parser, intern), READONLY, nullptr},
    {},
};

#define HANDLER(index, attribute_name) getset<get_handler<index>, set_handler<index>>(attribute_name)

const PyGetSetDef kGetSets[] = {
    getset<position<XML_GetErrorCode>>("ErrorCode"),
    getset<position<XML_GetErrorLineNumber>>("ErrorLineNumber"),
    getset<position<XML_GetErrorColumnNumber>>("ErrorColumnNumber"),
    getset<position<XML_GetErrorByteIndex>>("ErrorByteIndex"),
    getset<position<XML_GetErrorLineNumber>>("CurrentLineNumber"),
    getset<position<XML_GetErrorColumnNumber>>("CurrentColumnNumber"),
    getset<position<XML_GetErrorByteIndex>>("CurrentByteIndex"),
    getset<get_buffer_size, set_buffer_size>("buffer_size"),
    getset<get_buffer_text, set_buffer_text>("buffer_text"),
    getset<get_buffer_used>("buffer_used"),
    getset<get_namespace_prefixes, set_namespace_prefixes>("namespace_prefixes"),
    getset<get_ordered_attributes, set_ordered_attributes>("ordered_attributes"),
    getset<get_specified_attributes, set_specified_attributes>("specified_attributes"),
    HANDLER(kStartElement, "StartElementHandler"),
    HANDLER(kEndElement, "EndElementHandler"),
    HANDLER(kProcessingInstruction, "ProcessingInstructionHandler"),
    HANDLER(kCharacterData, "CharacterDataHandler"),
    HANDLER(kUnparsedEntityDecl, "UnparsedEntityDeclHandler"),
    HANDLER(kNotationDecl, "NotationDeclHandler"),
    HANDLER(kStartNamespaceDecl, "StartNamespaceDeclHandler"),
    HANDLER(kEndNamespaceDecl, "EndNamespaceDeclHandler"),
    HANDLER(kComment, "CommentHandler"),
    HANDLER(kStartCdataSection, "StartCdataSectionHandler"),
    HANDLER(kEndCdataSection, "EndCdataSectionHandler"),
    HANDLER(kDefault, "DefaultHandler"),
    HANDLER(kDefaultExpand, "DefaultHandlerExpand"),
    HANDLER(kNotStandalone, "NotStandaloneHandler"),
    HANDLER(kExternalEntityRef, "ExternalEntityRefHandler"),
    HANDLER(kStartDoctypeDecl, "StartDoctypeDeclHandler"),
    HANDLER(kEndDoctypeDecl, "EndDoctypeDeclHandler"),
    HANDLER(kEntityDecl, "EntityDeclHandler"),
    HANDLER(kXmlDecl, "XmlDeclHandler"),
    HANDLER(kElementDecl, "ElementDeclHandler"),
    HANDLER(kAttlistDecl, "AttlistDeclHandler"),
    HANDLER(kSkippedEntity, "SkippedEntityHandler"),
    kEndOfGetSets,
};

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)parser_dealloc},
    {Py_tp_doc, (void*)"XML parser"},
    {Py_tp_traverse, (void*)parser_traverse},
    {Py_tp_clear, (void*)parser_clear},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_getset, (void*)kGetSets},
    {0, nullptr},
};
PyType_Spec spec = {"pyexpat.xmlparser", sizeof(Parser), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
                    const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Ref<> create_parser(PyObject* module, PyObject* encoding, PyObject* namespace_separator, PyObject* intern) {
  State* state = state_of(module);
  const char *encoding_text, *separator;
  Py_ssize_t size;
  TRY(text_or_none("ParserCreate() argument 'encoding'", encoding, &encoding_text, &size));
  TRY(text_or_none("ParserCreate() argument 'namespace_separator'", namespace_separator, &separator, &size));
  if (separator && size > 1) return raise(PyExc_ValueError, "namespace_separator must be at most one character, omitted, or None");
  Ref<> names;
  if (!intern) names = TRY(steal(PyDict_New()));
  else if (intern != Py_None) {
    if (!PyDict_Check(intern)) return raise(PyExc_TypeError, "intern must be a dictionary");
    names = borrow(intern);
  }
  Ref<Parser> self = TRY(allocate(state->parser_type, names.get()));
  static const XML_Memory_Handling_Suite kMemory = {PyObject_Malloc, PyObject_Realloc, PyObject_Free};
  self->expat = XML_ParserCreate_MM(encoding_text, &kMemory, separator);
  PyObject_GC_Track(self.object());
  if (!self->expat) return raise(PyExc_RuntimeError, "XML_ParserCreate failed");
  XML_SetHashSalt(self->expat, static_cast<unsigned long>(_Py_HashSecret.expat.hashsalt));
  XML_SetUserData(self->expat, self.get());
  XML_SetUnknownEncodingHandler(self->expat, unknown_encoding, nullptr);
  return self;
}

Status add_parser_type(PyObject* module) {
  State* state = state_of(module);
  PyTypeObject* type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  state->parser_type = type;
  return status_of(PyModule_AddObjectRef(module, "XMLParserType", as_object(type)));
}

}  // namespace gill::pyexpat
