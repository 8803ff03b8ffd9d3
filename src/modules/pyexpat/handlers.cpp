// From expat's callbacks to the program's handlers.
//
// A handler that raises stops expat and makes the object forget all handlers, and the exception is raised when the call
// that fed expat comes back.
#include "modules/pyexpat/parser.h"

extern "C" void _PyTraceback_Add(const char* function, const char* file, int line);

namespace gill::pyexpat {

Ref<> text_of(const XML_Char* text) {
  if (!text) return none();
  return steal(PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "strict"));
}

namespace {

Ref<> text_of(const XML_Char* text, int size) {
  if (!text) return none();
  return steal(PyUnicode_DecodeUTF8(text, size, "strict"));
}

// Names repeat: each is kept once in the dict, if there is one.
Ref<> interned(Parser* self, const XML_Char* text) {
  Ref<> result = TRY(pyexpat::text_of(text));
  if (!text || !self->intern) return result;
  PyObject* known = PyDict_GetItemWithError(self->intern, result.get());
  if (known) return borrow(known);
  if (PyErr_Occurred()) return nullptr;
  TRY(status_of(PyDict_SetItem(self->intern, result.get(), result.get())));
  return result;
}

// ---- calling handlers ------------------------------------------------------------------------------------

// Tracebacks name the event as if it were a function, in the file that the reference has it in.
struct Event {
  HandlerIndex index;
  const char* function;
  int line;
};

int refuse_entity(XML_Parser, const XML_Char*, const XML_Char*, const XML_Char*, const XML_Char*) { return 0; }

void ignore_text(void*, const XML_Char*, int) {}

void give_up(Parser* self) {
  clear_handlers(self, false);
  XML_SetExternalEntityRefHandler(self->expat, refuse_entity);
}

// Whether the event is wanted; buffered text goes first.
bool begin(Parser* self, HandlerIndex index) {
  if (!self->handlers[index]) return false;
  if (PyErr_Occurred()) return false;
  return flush_text(self) == Status::ok && self->handlers[index];
}

// Calls the handler; the arguments are references that it takes over, null after a failure.
template <class... A>
Ref<> deliver(Parser* self, const Event& event, Ref<A>... arguments) {
  if (!(static_cast<bool>(arguments) && ...)) {
    give_up(self);
    return nullptr;
  }
  PyObject* stack[] = {nullptr, arguments.get()...};
  Ref<> handler = borrow(self->handlers[event.index]);
  self->in_callback = true;
  Ref<> result = steal(PyObject_Vectorcall(handler.get(), stack + 1, sizeof...(A) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
  self->in_callback = false;
  if (!result) {
    _PyTraceback_Add(event.function, "../Modules/pyexpat.c", event.line);
    XML_StopParser(self->expat, XML_FALSE);
    give_up(self);
  }
  return result;
}

// The answer of a handler that decides whether to go on.
int answer(Parser* self, Ref<> result) {
  if (!result) return 0;
  long value = PyLong_AsLong(result.get());
  if (value == -1 && PyErr_Occurred()) {
    give_up(self);
    return 0;
  }
  return static_cast<int>(value);
}

Ref<> number(int value) { return steal(PyLong_FromLong(value)); }

Parser* parser_of(void* data) { return static_cast<Parser*>(data); }

// ---- text ------------------------------------------------------------------------------------------------

Status deliver_text(Parser* self, const XML_Char* text, int size) {
  if (!self->handlers[kCharacterData]) return Status::ok;
  Ref<> result = deliver(self, {kCharacterData, "CharacterData", 282}, text_of(text, size));
  if (result) return Status::ok;
  XML_SetCharacterDataHandler(self->expat, ignore_text);
  return Status::error;
}

void on_text(void* data, const XML_Char* text, int size) {
  Parser* self = parser_of(data);
  if (PyErr_Occurred()) return;
  if (!self->buffer) {
    (void)deliver_text(self, text, size);
    return;
  }
  if (self->buffer_used + size > self->buffer_size) {
    if (flush_text(self) == Status::error) return;
    // The handler may have gone during its call.
    if (!self->handlers[kCharacterData] || !self->buffer) return;
  }
  if (size > self->buffer_size) {
    (void)deliver_text(self, text, size);
    self->buffer_used = 0;
  } else {
    std::memcpy(self->buffer + self->buffer_used, text, static_cast<size_t>(size));
    self->buffer_used += size;
  }
}

// ---- elements --------------------------------------------------------------------------------------------

Ref<> attributes_of(Parser* self, const XML_Char** attributes) {
  int count = 0;
  if (self->specified_attributes) count = XML_GetSpecifiedAttributeCount(self->expat);
  else while (attributes[count]) count += 2;
  Ref<> container = TRY(steal(self->ordered_attributes ? PyList_New(count) : PyDict_New()));
  for (int i = 0; i < count; i += 2) {
    Ref<> key = TRY(interned(self, attributes[i]));
    Ref<> value = TRY(pyexpat::text_of(attributes[i + 1]));
    if (self->ordered_attributes) {
      PyList_SET_ITEM(container.get(), i, key.release());
      PyList_SET_ITEM(container.get(), i + 1, value.release());
    } else {
      TRY(status_of(PyDict_SetItem(container.get(), key.get(), value.get())));
    }
  }
  return container;
}

void on_start_element(void* data, const XML_Char* element, const XML_Char** attributes) {
  Parser* self = parser_of(data);
  if (!begin(self, kStartElement)) return;
  Ref<> container = attributes_of(self, attributes);
  Ref<> element_name = container ? interned(self, element) : Ref<>();
  (void)deliver(self, {kStartElement, "StartElement", 417}, std::move(element_name), std::move(container));
}

void on_end_element(void* data, const XML_Char* element) {
  Parser* self = parser_of(data);
  if (begin(self, kEndElement)) (void)deliver(self, {kEndElement, "EndElement", 469}, interned(self, element));
}

void on_start_namespace(void* data, const XML_Char* prefix, const XML_Char* uri) {
  Parser* self = parser_of(data);
  if (begin(self, kStartNamespaceDecl)) {
    (void)deliver(self, {kStartNamespaceDecl, "StartNamespaceDecl", 629}, interned(self, prefix), interned(self, uri));
  }
}

void on_end_namespace(void* data, const XML_Char* prefix) {
  Parser* self = parser_of(data);
  if (begin(self, kEndNamespaceDecl)) (void)deliver(self, {kEndNamespaceDecl, "EndNamespaceDecl", 636}, interned(self, prefix));
}

// ---- what stands between elements --------------------------------------------------------------------------

void on_instruction(void* data, const XML_Char* target, const XML_Char* text) {
  Parser* self = parser_of(data);
  if (begin(self, kProcessingInstruction)) {
    (void)deliver(self, {kProcessingInstruction, "ProcessingInstruction", 473}, interned(self, target), pyexpat::text_of(text));
  }
}

void on_comment(void* data, const XML_Char* text) {
  Parser* self = parser_of(data);
  if (begin(self, kComment)) (void)deliver(self, {kComment, "Comment", 641}, pyexpat::text_of(text));
}

void on_start_cdata(void* data) {
  Parser* self = parser_of(data);
  if (begin(self, kStartCdataSection)) (void)deliver(self, {kStartCdataSection, "StartCdataSection", 645});
}
void on_end_cdata(void* data) {
  Parser* self = parser_of(data);
  if (begin(self, kEndCdataSection)) (void)deliver(self, {kEndCdataSection, "EndCdataSection", 649});
}

void on_default(void* data, const XML_Char* text, int size) {
  Parser* self = parser_of(data);
  if (begin(self, kDefault)) (void)deliver(self, {kDefault, "Default", 653}, text_of(text, size));
}
void on_default_expand(void* data, const XML_Char* text, int size) {
  Parser* self = parser_of(data);
  if (begin(self, kDefaultExpand)) (void)deliver(self, {kDefaultExpand, "DefaultHandlerExpand", 657}, text_of(text, size));
}

// ---- declarations ------------------------------------------------------------------------------------------

void on_xml_declaration(void* data, const XML_Char* version, const XML_Char* encoding, int standalone) {
  Parser* self = parser_of(data);
  if (begin(self, kXmlDecl)) {
    (void)deliver(self, {kXmlDecl, "XmlDecl", 508}, pyexpat::text_of(version), pyexpat::text_of(encoding), number(standalone));
  }
}

void on_start_doctype(void* data, const XML_Char* doctype, const XML_Char* system_id, const XML_Char* public_id, int has_internal_subset) {
  Parser* self = parser_of(data);
  if (begin(self, kStartDoctypeDecl)) {
    (void)deliver(self, {kStartDoctypeDecl, "StartDoctypeDecl", 681}, interned(self, doctype), interned(self, system_id),
                  interned(self, public_id), number(has_internal_subset));
  }
}
void on_end_doctype(void* data) {
  Parser* self = parser_of(data);
  if (begin(self, kEndDoctypeDecl)) (void)deliver(self, {kEndDoctypeDecl, "EndDoctypeDecl", 689});
}

void on_unparsed_entity(void* data, const XML_Char* entity, const XML_Char* base, const XML_Char* system_id, const XML_Char* public_id,
                        const XML_Char* notation) {
  Parser* self = parser_of(data);
  if (begin(self, kUnparsedEntityDecl)) {
    (void)deliver(self, {kUnparsedEntityDecl, "UnparsedEntityDecl", 479}, interned(self, entity), interned(self, base),
                  interned(self, system_id), interned(self, public_id), interned(self, notation));
  }
}

void on_notation(void* data, const XML_Char* notation, const XML_Char* base, const XML_Char* system_id, const XML_Char* public_id) {
  Parser* self = parser_of(data);
  if (begin(self, kNotationDecl)) {
    (void)deliver(self, {kNotationDecl, "NotationDecl", 619}, interned(self, notation), interned(self, base), interned(self, system_id),
                  interned(self, public_id));
  }
}

void on_entity(void* data, const XML_Char* entity, int is_parameter, const XML_Char* value, int value_size, const XML_Char* base,
               const XML_Char* system_id, const XML_Char* public_id, const XML_Char* notation) {
  Parser* self = parser_of(data);
  if (begin(self, kEntityDecl)) {
    (void)deliver(self, {kEntityDecl, "EntityDecl", 491}, interned(self, entity), number(is_parameter), text_of(value, value_size),
                  interned(self, base), interned(self, system_id), interned(self, public_id), interned(self, notation));
  }
}

void on_attribute_list(void* data, const XML_Char* element, const XML_Char* attribute, const XML_Char* type, const XML_Char* fallback,
                       int required) {
  Parser* self = parser_of(data);
  if (begin(self, kAttlistDecl)) {
    (void)deliver(self, {kAttlistDecl, "AttlistDecl", 598}, interned(self, element), interned(self, attribute), pyexpat::text_of(type),
                  pyexpat::text_of(fallback), number(required));
  }
}

void on_skipped_entity(void* data, const XML_Char* entity, int is_parameter) {
  Parser* self = parser_of(data);
  if (begin(self, kSkippedEntity)) {
    (void)deliver(self, {kSkippedEntity, "SkippedEntity", 611}, interned(self, entity), number(is_parameter));
  }
}

// (type, quantifier, name, (children...))
Ref<> model_of(Parser* self, const XML_Content* content) {
  if (Py_EnterRecursiveCall(" in conv_content_model")) return nullptr;
  auto build = [&]() -> Ref<> {
    Ref<> children = TRY(steal(PyTuple_New(content->numchildren)));
    for (unsigned i = 0; i < content->numchildren; ++i) {
      PyTuple_SET_ITEM(children.get(), i, TRY(model_of(self, &content->children[i])).release());
    }
    Ref<> element = TRY(interned(self, content->name));
    return steal(Py_BuildValue("(iiOO)", content->type, content->quant, element.get(), children.get()));
  };
  Ref<> model = build();
  Py_LeaveRecursiveCall();
  return model;
}

void on_element_declaration(void* data, const XML_Char* element, XML_Content* content) {
  Parser* self = parser_of(data);
  if (begin(self, kElementDecl)) {
    Ref<> element_name = interned(self, element);
    Ref<> model = element_name ? model_of(self, content) : Ref<>();
    (void)deliver(self, {kElementDecl, "ElementDecl", 583}, std::move(element_name), std::move(model));
  }
  XML_FreeContentModel(self->expat, content);
}

// ---- questions -----------------------------------------------------------------------------------------

int on_not_standalone(void* data) {
  Parser* self = parser_of(data);
  if (!begin(self, kNotStandalone)) return 0;
  return answer(self, deliver(self, {kNotStandalone, "NotStandalone", 661}));
}

int on_external_entity(XML_Parser expat, const XML_Char* context, const XML_Char* base, const XML_Char* system_id, const XML_Char* public_id) {
  Parser* self = parser_of(XML_GetUserData(expat));
  if (!begin(self, kExternalEntityRef)) return 0;
  return answer(self, deliver(self, {kExternalEntityRef, "ExternalEntityRef", 666}, pyexpat::text_of(context), interned(self, base),
                              interned(self, system_id), interned(self, public_id)));
}

// Switches one of expat's callbacks on or off.
template <auto Set, auto Callback>
void install(XML_Parser parser, bool on) {
  Set(parser, on ? Callback : nullptr);
}

}  // namespace

// In the order of HandlerIndex.
const Installer kInstallers[kHandlers] = {
    install<XML_SetStartElementHandler, on_start_element>,
    install<XML_SetEndElementHandler, on_end_element>,
    install<XML_SetProcessingInstructionHandler, on_instruction>,
    install<XML_SetCharacterDataHandler, on_text>,
    install<XML_SetUnparsedEntityDeclHandler, on_unparsed_entity>,
    install<XML_SetNotationDeclHandler, on_notation>,
    install<XML_SetStartNamespaceDeclHandler, on_start_namespace>,
    install<XML_SetEndNamespaceDeclHandler, on_end_namespace>,
    install<XML_SetCommentHandler, on_comment>,
    install<XML_SetStartCdataSectionHandler, on_start_cdata>,
    install<XML_SetEndCdataSectionHandler, on_end_cdata>,
    install<XML_SetDefaultHandler, on_default>,
    install<XML_SetDefaultHandlerExpand, on_default_expand>,
    install<XML_SetNotStandaloneHandler, on_not_standalone>,
    install<XML_SetExternalEntityRefHandler, on_external_entity>,
    install<XML_SetStartDoctypeDeclHandler, on_start_doctype>,
    install<XML_SetEndDoctypeDeclHandler, on_end_doctype>,
    install<XML_SetEntityDeclHandler, on_entity>,
    install<XML_SetXmlDeclHandler, on_xml_declaration>,
    install<XML_SetElementDeclHandler, on_element_declaration>,
    install<XML_SetAttlistDeclHandler, on_attribute_list>,
    install<XML_SetSkippedEntityHandler, on_skipped_entity>,
};

Status flush_text(Parser* self) {
  if (!self->buffer || self->buffer_used == 0) return Status::ok;
  int size = std::exchange(self->buffer_used, 0);
  return deliver_text(self, self->buffer, size);
}

void clear_handlers(Parser* self, bool detach) {
  for (int i = 0; i < kHandlers; ++i) {
    if (detach) kInstallers[i](self->expat, false);
    clear_field(self->handlers[i]);
  }
}

void silence_text_handler(Parser* self) { XML_SetCharacterDataHandler(self->expat, ignore_text); }

}  // namespace gill::pyexpat
