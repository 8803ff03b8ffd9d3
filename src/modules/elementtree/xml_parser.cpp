// XMLParser: from text, through expat, to a tree builder or another target.
//
// A target that is exactly our TreeBuilder is fed directly, others by their methods. While an exception is set, events are
// passed over; the call that fed expat raises it.
#include "modules/elementtree/elementtree.h"

#include <expat.h>
#include <structmember.h>

#include "modules/pyexpat/unknown_encoding.h"

namespace gill::elementtree {

namespace {

struct Parser {
  PyObject_HEAD
  XML_Parser expat;
  PyObject* target;
  PyObject* entity;  // dict: texts of entities that expat does not know
  PyObject* names;   // dict from expat's names (bytes) to those of elements
  // The target's methods, null where it has none.
  PyObject* on_start_namespace;
  PyObject* on_end_namespace;
  PyObject* on_start;
  PyObject* on_data;
  PyObject* on_end;
  PyObject* on_comment;
  PyObject* on_pi;
  PyObject* on_doctype;
  PyObject* on_close;
  State* state;  // lives as long as the type
};

using Fields = HeapTypeFields<&Parser::target, &Parser::entity, &Parser::names, &Parser::on_start_namespace, &Parser::on_end_namespace,
                              &Parser::on_start, &Parser::on_data, &Parser::on_end, &Parser::on_comment, &Parser::on_pi,
                              &Parser::on_doctype, &Parser::on_close>;

Parser* parser_of(void* data) { return static_cast<Parser*>(data); }

// The target if it is fed directly.
Builder* builder_of(Parser* self) {
  return Py_IS_TYPE(self->target, self->state->builder_type) ? reinterpret_cast<Builder*>(self->target) : nullptr;
}

// ---- errors ----------------------------------------------------------------------------------------------------

Status set_error(Parser* self, XML_Error code, const char* message) {
  auto line = static_cast<Py_ssize_t>(XML_GetErrorLineNumber(self->expat));
  auto column = static_cast<Py_ssize_t>(XML_GetErrorColumnNumber(self->expat));
  Ref<> text = TRY(steal(PyUnicode_FromFormat("%s: line %zd, column %zd", message ? message : XML_ErrorString(code), line, column)));
  Ref<> error = TRY(call(self->state->parse_error, text.get()));
  Ref<> number = TRY(steal(PyLong_FromLong(code)));
  TRY(status_of(PyObject_SetAttr(error.get(), name<"code">, number.get())));
  Ref<> position = TRY(steal(Py_BuildValue("(nn)", line, column)));
  TRY(status_of(PyObject_SetAttr(error.get(), name<"position">, position.get())));
  PyErr_SetObject(self->state->parse_error, error.get());
  return Status::error;
}

// ---- names and texts -------------------------------------------------------------------------------------------

Ref<> text_of(const XML_Char* text) { return steal(PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "strict")); }
Ref<> text_or(const XML_Char* text, PyObject* fallback) { return text ? text_of(text) : borrow(fallback); }

// Expat's "uri}name" is "{uri}name" to us. Both directions are kept, as names repeat.
Ref<> full_name(Parser* self, const XML_Char* text) {
  auto size = static_cast<Py_ssize_t>(std::strlen(text));
  Ref<> key = TRY(steal(PyBytes_FromStringAndSize(text, size)));
  if (PyObject* known = PyDict_GetItemWithError(self->names, key.get())) return borrow(known);
  if (PyErr_Occurred()) return nullptr;
  Ref<> result = TRY(steal(PyUnicode_DecodeUTF8(text, size, "strict")));
  if (std::memchr(text, '}', static_cast<size_t>(size))) result = TRY(steal(PyUnicode_FromFormat("{%U", result.get())));
  TRY(status_of(PyDict_SetItem(self->names, key.get(), result.get())));
  return result;
}

// ---- events ----------------------------------------------------------------------------------------------------

// Each returns null after a failure; expat's callbacks below drop the result.
template <class... A>
Ref<> tell(PyObject* method, Ref<A>... arguments) {
  if (!(static_cast<bool>(arguments) && ...)) return nullptr;
  return call(method, arguments.get()...);
}

Ref<> start(Parser* self, const XML_Char* element, const XML_Char** attributes) {
  Ref<> tag = TRY(full_name(self, element));
  Ref<> dict;
  if (attributes[0]) {
    dict = TRY(steal(PyDict_New()));
    for (; attributes[0] && attributes[1]; attributes += 2) {
      Ref<> key = TRY(full_name(self, attributes[0]));
      Ref<> value = TRY(text_of(attributes[1]));
      TRY(status_of(PyDict_SetItem(dict.get(), key.get(), value.get())));
    }
  }
  if (Builder* builder = builder_of(self)) return builder_start(builder, tag.get(), dict.get());
  if (!self->on_start) return nullptr;
  if (!dict) dict = TRY(steal(PyDict_New()));
  return call(self->on_start, tag.get(), dict.get());
}

Ref<> data(Parser* self, Ref<> text) {
  if (!text) return nullptr;
  if (Builder* builder = builder_of(self)) return builder_data(builder, text.get());
  return self->on_data ? call(self->on_data, text.get()) : Ref<>();
}

// Text that no other handler takes: of interest are references to entities that expat does not know.
Ref<> unknown(Parser* self, const XML_Char* text, int size) {
  if (size < 2 || text[0] != '&') return nullptr;
  Ref<> key = TRY(steal(PyUnicode_DecodeUTF8(text + 1, size - 2, "strict")));
  PyObject* value = PyDict_GetItemWithError(self->entity, key.get());
  if (value) return data(self, borrow(value));
  if (PyErr_Occurred()) return nullptr;
  char message[128] = "undefined entity ";
  std::strncat(message, text, static_cast<size_t>(size < 100 ? size : 100));
  (void)set_error(self, XML_ERROR_UNDEFINED_ENTITY, message);
  return nullptr;
}

Ref<> end(Parser* self, const XML_Char* element) {
  if (Builder* builder = builder_of(self)) return builder_end(builder);
  return self->on_end ? tell(self->on_end, full_name(self, element)) : Ref<>();
}

Ref<> start_namespace(Parser* self, const XML_Char* prefix, const XML_Char* uri) {
  Ref<> prefix_text = TRY(text_of(prefix ? prefix : ""));
  Ref<> uri_text = TRY(text_of(uri ? uri : ""));
  if (Builder* builder = builder_of(self)) {
    TRY(builder_start_namespace(builder, prefix_text.get(), uri_text.get()));
    return nullptr;
  }
  return self->on_start_namespace ? call(self->on_start_namespace, prefix_text.get(), uri_text.get()) : Ref<>();
}

Ref<> end_namespace(Parser* self, const XML_Char* prefix) {
  if (Builder* builder = builder_of(self)) {
    TRY(builder_end_namespace(builder));
    return nullptr;
  }
  return self->on_end_namespace ? tell(self->on_end_namespace, text_of(prefix ? prefix : "")) : Ref<>();
}

Ref<> comment(Parser* self, const XML_Char* content) {
  Ref<> text = TRY(text_of(content));
  if (Builder* builder = builder_of(self)) return builder_comment(builder, text.get());
  return self->on_comment ? call(self->on_comment, text.get()) : Ref<>();
}

Ref<> instruction(Parser* self, const XML_Char* target, const XML_Char* content) {
  Ref<> target_text = TRY(text_of(target));
  Ref<> text = TRY(text_or(content, Py_None));
  if (Builder* builder = builder_of(self)) return builder_pi(builder, target_text.get(), text.get());
  return self->on_pi ? call(self->on_pi, target_text.get(), text.get()) : Ref<>();
}

Ref<> doctype(Parser* self, const XML_Char* doctype_name, const XML_Char* system_id, const XML_Char* public_id) {
  Ref<> name_text = TRY(full_name(self, doctype_name));
  Ref<> system_text = TRY(text_or(system_id, Py_None));
  Ref<> public_text = TRY(text_or(public_id, Py_None));
  if (self->on_doctype) return call(self->on_doctype, name_text.get(), public_text.get(), system_text.get());
  bool failed;
  Ref<> method = optional_attribute(as_object(self), name<"doctype">, &failed);
  if (!method) return nullptr;
  TRY(status_of(PyErr_WarnEx(PyExc_RuntimeWarning,
                             "The doctype() method of XMLParser is ignored.  Define doctype() method on the TreeBuilder target.", 1)));
  return nullptr;
}

// What expat calls: one of the functions above, unless an exception is on its way.
template <auto Function, class... A>
void callback(void* user_data, A... arguments) {
  if (PyErr_Occurred()) return;
  Ref<> result = Function(parser_of(user_data), arguments...);
}

void on_text(void* user_data, const XML_Char* text, int size) {
  if (PyErr_Occurred()) return;
  Ref<> result = data(parser_of(user_data), steal(PyUnicode_DecodeUTF8(text, size, "strict")));
}

void on_doctype(void* user_data, const XML_Char* doctype_name, const XML_Char* system_id, const XML_Char* public_id, int) {
  if (PyErr_Occurred()) return;
  Ref<> result = doctype(parser_of(user_data), doctype_name, system_id, public_id);
}

void listen_for_namespaces(Parser* self) {
  XML_SetNamespaceDeclHandler(self->expat, callback<start_namespace, const XML_Char*, const XML_Char*>, callback<end_namespace, const XML_Char*>);
}
void listen_for_comments(Parser* self) { XML_SetCommentHandler(self->expat, callback<comment, const XML_Char*>); }
void listen_for_instructions(Parser* self) {
  XML_SetProcessingInstructionHandler(self->expat, callback<instruction, const XML_Char*, const XML_Char*>);
}

// ---- construction ----------------------------------------------------------------------------------------------

PyObject* parser_new(PyTypeObject* type, PyObject*, PyObject*) {
  State* state = TRY(state_of_type(type));
  Ref<Parser> self = TRY(Ref<Parser>::steal(type->tp_alloc(type, 0)));
  self->state = state;
  return as_object(self.release());
}

Status find_method(PyObject* target, PyObject* method, PyObject** place) {
  bool failed;
  Ref<> found = optional_attribute(target, method, &failed);
  if (failed) return Status::error;
  set_field(*place, std::move(found));
  return Status::ok;
}

Status parser_init(Parser* self, PyObject* target, std::optional<const char*> encoding) {
  Ref<> entity = TRY(steal(PyDict_New()));
  Ref<> names = TRY(steal(PyDict_New()));
  static const XML_Memory_Handling_Suite kMemory = {PyObject_Malloc, PyObject_Realloc, PyObject_Free};
  XML_Parser expat = XML_ParserCreate_MM(encoding.value_or(nullptr), &kMemory, "}");
  if (!expat) {
    PyErr_NoMemory();
    return Status::error;
  }
  if (self->expat) XML_ParserFree(self->expat);
  self->expat = expat;
  set_field(self->entity, std::move(entity));
  set_field(self->names, std::move(names));
  XML_SetHashSalt(expat, static_cast<unsigned long>(_Py_HashSecret.expat.hashsalt));
  set_field(self->target, target == Py_None ? TRY(new_builder(self->state)) : borrow(target));
  PyObject* receiver = self->target;
  TRY(find_method(receiver, name<"start_ns">, &self->on_start_namespace));
  TRY(find_method(receiver, name<"end_ns">, &self->on_end_namespace));
  TRY(find_method(receiver, name<"start">, &self->on_start));
  TRY(find_method(receiver, name<"data">, &self->on_data));
  TRY(find_method(receiver, name<"end">, &self->on_end));
  TRY(find_method(receiver, name<"comment">, &self->on_comment));
  TRY(find_method(receiver, name<"pi">, &self->on_pi));
  TRY(find_method(receiver, name<"close">, &self->on_close));
  TRY(find_method(receiver, name<"doctype">, &self->on_doctype));

  XML_SetUserData(expat, self);
  if (self->on_start_namespace || self->on_end_namespace) listen_for_namespaces(self);
  XML_SetElementHandler(expat, callback<start, const XML_Char*, const XML_Char**>, callback<end, const XML_Char*>);
  XML_SetDefaultHandlerExpand(expat, callback<unknown, const XML_Char*, int>);
  XML_SetCharacterDataHandler(expat, on_text);
  if (self->on_comment) listen_for_comments(self);
  if (self->on_pi) listen_for_instructions(self);
  XML_SetStartDoctypeDeclHandler(expat, on_doctype);
  XML_SetUnknownEncodingHandler(expat, unknown_encoding, nullptr);
  return Status::ok;
}

int parser_clear(PyObject* object) {
  auto* self = reinterpret_cast<Parser*>(object);
  // Without its target the parser can do nothing; expat must not call into what is left.
  if (self->expat) XML_ParserFree(std::exchange(self->expat, nullptr));
  return Fields::clear(object);
}

void parser_dealloc(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  parser_clear(object);
  type->tp_free(object);
  release(as_object(type));
}

// ---- feeding ---------------------------------------------------------------------------------------------------

Status check_initialized(Parser* self) {
  if (self->target) return Status::ok;
  return raise(PyExc_ValueError, "XMLParser.__init__() wasn't called");
}

Status feed_bytes(Parser* self, const char* bytes, Py_ssize_t size, bool final) {
  if (size > INT_MAX) return raise(PyExc_OverflowError, "size does not fit in an int");
  int status = XML_Parse(self->expat, bytes, static_cast<int>(size), final);
  if (PyErr_Occurred()) return Status::error;
  if (!status) return set_error(self, XML_GetErrorCode(self->expat), nullptr);
  return Status::ok;
}

Ref<> close(Parser* self) {
  TRY(check_initialized(self));
  TRY(feed_bytes(self, "", 0, true));
  if (Builder* builder = builder_of(self)) return builder_close(builder);
  if (self->on_close) return call(self->on_close);
  return none();
}

Ref<> feed(Parser* self, PyObject* input) {
  TRY(check_initialized(self));
  if (PyUnicode_Check(input)) {
    Py_ssize_t size;
    const char* text = TRY(PyUnicode_AsUTF8AndSize(input, &size));
    // Whatever the document says of its encoding, this is it.
    if (size <= INT_MAX) (void)XML_SetEncoding(self->expat, "utf-8");
    TRY(feed_bytes(self, text, size, false));
    return none();
  }
  BufferArgument view;
  TRY(status_of(PyObject_GetBuffer(input, &view.view(), PyBUF_SIMPLE)));
  TRY(feed_bytes(self, view.data(), view.size(), false));
  return none();
}

Ref<> parse_whole(Parser* self, PyObject* file) {
  TRY(check_initialized(self));
  Ref<> read = TRY(attribute(file, name<"read">));
  Ref<> amount = TRY(steal(PyLong_FromLong(64 * 1024)));
  while (true) {
    Ref<> piece = TRY(call(read.get(), amount.get()));
    if (PyUnicode_CheckExact(piece.get())) {
      if (PyUnicode_GET_LENGTH(piece.get()) == 0) break;
      piece = TRY(steal(PyUnicode_AsEncodedString(piece.get(), "utf-8", "surrogatepass")));
    }
    if (!PyBytes_CheckExact(piece.get()) || PyBytes_GET_SIZE(piece.get()) == 0) break;
    TRY(feed_bytes(self, PyBytes_AS_STRING(piece.get()), PyBytes_GET_SIZE(piece.get()), false));
  }
  TRY(feed_bytes(self, "", 0, true));
  if (Builder* builder = builder_of(self)) return builder_close(builder);
  return none();
}

Ref<> set_events(Parser* self, PyObject* queue, PyObject* wanted) {
  TRY(check_initialized(self));
  Builder* builder = builder_of(self);
  if (!builder) return raise(PyExc_TypeError, "event handling only supported for ElementTree.TreeBuilder targets");
  Ref<> append = TRY(attribute(queue, name<"append">));
  builder_forget_events(builder, std::move(append));
  if (wanted == Py_None) {
    builder_want_event(builder, kEndEvent, borrow(name<"end">));
    return none();
  }
  Ref<> events = TRY(steal(PySequence_Fast(wanted, "events must be a sequence")));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(events.get()); ++i) {
    Ref<> event = borrow(PySequence_Fast_GET_ITEM(events.get(), i));
    const char* event_name = nullptr;
    if (PyUnicode_Check(event.get())) event_name = PyUnicode_AsUTF8(event.get());
    else if (PyBytes_Check(event.get())) event_name = PyBytes_AS_STRING(event.get());
    if (!event_name) return raise(PyExc_ValueError, "invalid events sequence");
    std::string_view known = event_name;
    if (known == "start") {
      builder_want_event(builder, kStartEvent, std::move(event));
    } else if (known == "end") {
      builder_want_event(builder, kEndEvent, std::move(event));
    } else if (known == "start-ns") {
      builder_want_event(builder, kStartNamespaceEvent, std::move(event));
      listen_for_namespaces(self);
    } else if (known == "end-ns") {
      builder_want_event(builder, kEndNamespaceEvent, std::move(event));
      listen_for_namespaces(self);
    } else if (known == "comment") {
      builder_want_event(builder, kCommentEvent, std::move(event));
      listen_for_comments(self);
    } else if (known == "pi") {
      builder_want_event(builder, kPiEvent, std::move(event));
      listen_for_instructions(self);
    } else {
      return raise(PyExc_ValueError, "unknown event '%s'", event_name);
    }
  }
  return none();
}

Ref<> version(Parser*) { return steal(PyUnicode_FromFormat("Expat %d.%d.%d", XML_MAJOR_VERSION, XML_MINOR_VERSION, XML_MICRO_VERSION)); }

const PyMethodDef kMethods[] = {
    METHOD("feed($self, data, /)", feed, ""),
    METHOD("close($self, /)", close, ""),
    METHOD("_parse_whole($self, file, /)", parse_whole, ""),
    METHOD("_setevents($self, events_queue, events_to_report=None, /)", set_events, ""),
    kEndOfMethods,
};

const PyMemberDef kMembers[] = {
    {"entity", T_OBJECT, offsetof(Parser, entity), READONLY, nullptr},
    {"target", T_OBJECT, offsetof(Parser, target), READONLY, nullptr},
    {},
};

const PyGetSetDef kGetSets[] = {
    getset<version>("version"),
    kEndOfGetSets,
};

const PyType_Slot kSlots[] = {
    {Py_tp_dealloc, (void*)parser_dealloc},
    {Py_tp_traverse, (void*)Fields::traverse},
    {Py_tp_clear, (void*)parser_clear},
    {Py_tp_methods, (void*)kMethods},
    {Py_tp_members, (void*)kMembers},
    {Py_tp_getset, (void*)kGetSets},
    {Py_tp_init, (void*)INITIALIZER("XMLParser($self, *, target=None, encoding=None)", parser_init)},
    {Py_tp_new, (void*)parser_new},
    {0, nullptr},
};
PyType_Spec spec = {"xml.etree.ElementTree.XMLParser", sizeof(Parser), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, const_cast<PyType_Slot*>(kSlots)};

}  // namespace

Status add_parser_type(PyObject* module) {
  State* state = state_of(module);
  state->parser_type = TRY(reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr)));
  return status_of(PyModule_AddObjectRef(module, "XMLParser", as_object(state->parser_type)));
}

}  // namespace gill::elementtree
