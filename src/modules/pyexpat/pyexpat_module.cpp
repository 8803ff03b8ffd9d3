// The pyexpat module: its functions, the modules of constants, and the entry points of expat for other extensions.
#include "modules/pyexpat/parser.h"

#include <pyexpat.h>

#include "modules/module_state.h"
#include "objects/object.h"

namespace gill::pyexpat {

namespace {

Ref<> error_string(PyObject*, long code) { return text_of(XML_ErrorString(static_cast<XML_Error>(code))); }

const PyMethodDef kFunctions[] = {
    METHOD("ParserCreate($module, /, encoding=None, namespace_separator=None,\n             intern=<unrepresentable>)", create_parser,
           "Return a new XML parser object."),
    METHOD("ErrorString($module, code, /)", error_string, "Returns string error for given number."),
    kEndOfMethods,
};

// ---- constants -----------------------------------------------------------------------------------------------

struct Constant {
  const char* name;
  int value;
};

#define ROW(constant) {#constant, constant}

constexpr Constant kErrors[] = {
    ROW(XML_ERROR_NO_MEMORY),
    ROW(XML_ERROR_SYNTAX),
    ROW(XML_ERROR_NO_ELEMENTS),
    ROW(XML_ERROR_INVALID_TOKEN),
    ROW(XML_ERROR_UNCLOSED_TOKEN),
    ROW(XML_ERROR_PARTIAL_CHAR),
    ROW(XML_ERROR_TAG_MISMATCH),
    ROW(XML_ERROR_DUPLICATE_ATTRIBUTE),
    ROW(XML_ERROR_JUNK_AFTER_DOC_ELEMENT),
    ROW(XML_ERROR_PARAM_ENTITY_REF),
    ROW(XML_ERROR_UNDEFINED_ENTITY),
    ROW(XML_ERROR_RECURSIVE_ENTITY_REF),
    ROW(XML_ERROR_ASYNC_ENTITY),
    ROW(XML_ERROR_BAD_CHAR_REF),
    ROW(XML_ERROR_BINARY_ENTITY_REF),
    ROW(XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF),
    ROW(XML_ERROR_MISPLACED_XML_PI),
    ROW(XML_ERROR_UNKNOWN_ENCODING),
    ROW(XML_ERROR_INCORRECT_ENCODING),
    ROW(XML_ERROR_UNCLOSED_CDATA_SECTION),
    ROW(XML_ERROR_EXTERNAL_ENTITY_HANDLING),
    ROW(XML_ERROR_NOT_STANDALONE),
    ROW(XML_ERROR_UNEXPECTED_STATE),
    ROW(XML_ERROR_ENTITY_DECLARED_IN_PE),
    ROW(XML_ERROR_FEATURE_REQUIRES_XML_DTD),
    ROW(XML_ERROR_CANT_CHANGE_FEATURE_ONCE_PARSING),
    ROW(XML_ERROR_UNBOUND_PREFIX),
    ROW(XML_ERROR_UNDECLARING_PREFIX),
    ROW(XML_ERROR_INCOMPLETE_PE),
    ROW(XML_ERROR_XML_DECL),
    ROW(XML_ERROR_TEXT_DECL),
    ROW(XML_ERROR_PUBLICID),
    ROW(XML_ERROR_SUSPENDED),
    ROW(XML_ERROR_NOT_SUSPENDED),
    ROW(XML_ERROR_ABORTED),
    ROW(XML_ERROR_FINISHED),
    ROW(XML_ERROR_SUSPEND_PE),
    ROW(XML_ERROR_RESERVED_PREFIX_XML),
    ROW(XML_ERROR_RESERVED_PREFIX_XMLNS),
    ROW(XML_ERROR_RESERVED_NAMESPACE_URI),
    ROW(XML_ERROR_INVALID_ARGUMENT),
    ROW(XML_ERROR_NO_BUFFER),
    ROW(XML_ERROR_AMPLIFICATION_LIMIT_BREACH),
};

constexpr Constant kModel[] = {
    ROW(XML_CTYPE_EMPTY), ROW(XML_CTYPE_ANY),    ROW(XML_CTYPE_MIXED), ROW(XML_CTYPE_NAME), ROW(XML_CTYPE_CHOICE),
    ROW(XML_CTYPE_SEQ),   ROW(XML_CQUANT_NONE), ROW(XML_CQUANT_OPT),  ROW(XML_CQUANT_REP), ROW(XML_CQUANT_PLUS),
};

constexpr Constant kEntityParsing[] = {
    ROW(XML_PARAM_ENTITY_PARSING_NEVER),
    ROW(XML_PARAM_ENTITY_PARSING_UNLESS_STANDALONE),
    ROW(XML_PARAM_ENTITY_PARSING_ALWAYS),
};

#undef ROW

// A module that exists as an attribute and in sys.modules.
Ref<> add_submodule(PyObject* module, const char* full_name, const char* attribute_name, const char* doc) {
  Ref<> submodule = borrow(PyImport_AddModule(full_name));
  if (!submodule) return nullptr;
  TRY(status_of(PyModule_SetDocString(submodule.get(), doc)));
  TRY(status_of(PyModule_AddObjectRef(module, attribute_name, submodule.get())));
  return submodule;
}

Status add_errors(PyObject* module) {
  Ref<> errors = TRY(add_submodule(module, "pyexpat.errors", "errors", "Constants used to describe error conditions."));
  Ref<> codes = TRY(steal(PyDict_New()));
  Ref<> messages = TRY(steal(PyDict_New()));
  for (const Constant& row : kErrors) {
    Ref<> message = TRY(text_of(XML_ErrorString(static_cast<XML_Error>(row.value))));
    Ref<> code = TRY(steal(PyLong_FromLong(row.value)));
    TRY(status_of(PyModule_AddObjectRef(errors.get(), row.name, message.get())));
    TRY(status_of(PyDict_SetItem(codes.get(), message.get(), code.get())));
    TRY(status_of(PyDict_SetItem(messages.get(), code.get(), message.get())));
  }
  TRY(status_of(PyModule_AddStringConstant(errors.get(), "__doc__", "Constants used to describe error conditions.")));
  TRY(status_of(PyModule_AddObjectRef(errors.get(), "codes", codes.get())));
  return status_of(PyModule_AddObjectRef(errors.get(), "messages", messages.get()));
}

Status add_model(PyObject* module) {
  Ref<> model = TRY(add_submodule(module, "pyexpat.model", "model", "Constants used to interpret content model information."));
  for (const Constant& row : kModel) TRY(status_of(PyModule_AddIntConstant(model.get(), row.name, row.value)));
  return Status::ok;
}

Status add_features(PyObject* module) {
  Ref<> features = TRY(steal(PyList_New(0)));
  for (const XML_Feature* feature = XML_GetFeatureList(); feature->feature != XML_FEATURE_END; ++feature) {
    Ref<> pair = TRY(steal(Py_BuildValue("si", feature->name, static_cast<int>(feature->value))));
    TRY(status_of(PyList_Append(features.get(), pair.get())));
  }
  return status_of(PyModule_AddObjectRef(module, "features", features.get()));
}

// ---- the table of entry points ---------------------------------------------------------------------------------

const PyExpat_CAPI kEntryPoints = {
    .magic = const_cast<char*>(PyExpat_CAPI_MAGIC),
    .size = sizeof(PyExpat_CAPI),
    .MAJOR_VERSION = XML_MAJOR_VERSION,
    .MINOR_VERSION = XML_MINOR_VERSION,
    .MICRO_VERSION = XML_MICRO_VERSION,
    .ErrorString = XML_ErrorString,
    .GetErrorCode = XML_GetErrorCode,
    .GetErrorColumnNumber = XML_GetErrorColumnNumber,
    .GetErrorLineNumber = XML_GetErrorLineNumber,
    .Parse = XML_Parse,
    .ParserCreate_MM = XML_ParserCreate_MM,
    .ParserFree = XML_ParserFree,
    .SetCharacterDataHandler = XML_SetCharacterDataHandler,
    .SetCommentHandler = XML_SetCommentHandler,
    .SetDefaultHandlerExpand = XML_SetDefaultHandlerExpand,
    .SetElementHandler = XML_SetElementHandler,
    .SetNamespaceDeclHandler = XML_SetNamespaceDeclHandler,
    .SetProcessingInstructionHandler = XML_SetProcessingInstructionHandler,
    .SetUnknownEncodingHandler = XML_SetUnknownEncodingHandler,
    .SetUserData = XML_SetUserData,
    .SetStartDoctypeDeclHandler = XML_SetStartDoctypeDeclHandler,
    .SetEncoding = XML_SetEncoding,
    .DefaultUnknownEncodingHandler = unknown_encoding,
    .SetHashSalt = XML_SetHashSalt,
};

// ---- the module ------------------------------------------------------------------------------------------------

int execute(PyObject* module) {
  State* state = state_of(module);
  TRY(add_parser_type(module));
  state->error = TRY(PyErr_NewException("xml.parsers.expat.ExpatError", nullptr, nullptr));
  TRY(status_of(PyModule_AddObjectRef(module, "error", state->error)));
  TRY(status_of(PyModule_AddObjectRef(module, "ExpatError", state->error)));
  TRY(status_of(PyModule_AddStringConstant(module, "EXPAT_VERSION", XML_ExpatVersion())));
  XML_Expat_Version version = XML_ExpatVersionInfo();
  Ref<> numbers = TRY(steal(Py_BuildValue("(iii)", version.major, version.minor, version.micro)));
  TRY(status_of(PyModule_AddObjectRef(module, "version_info", numbers.get())));
  // Expat delivers UTF-8, whatever the document is in.
  TRY(status_of(PyModule_AddStringConstant(module, "native_encoding", "UTF-8")));
  TRY(add_errors(module));
  TRY(add_model(module));
  TRY(add_features(module));
  for (const Constant& row : kEntityParsing) TRY(status_of(PyModule_AddIntConstant(module, row.name, row.value)));
  Ref<> capsule = TRY(steal(PyCapsule_New(const_cast<PyExpat_CAPI*>(&kEntryPoints), PyExpat_CAPSULE_NAME, nullptr)));
  return PyModule_AddObjectRef(module, "expat_CAPI", capsule.get());
}

using Owned = ModuleFields<&State::parser_type, &State::error>;

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};

}  // namespace

PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "pyexpat",
    .m_doc = "Python wrapper for Expat parser.",
    .m_size = sizeof(State),
    .m_methods = table(kFunctions),
    .m_slots = slots,
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

PyMODINIT_FUNC PyInit_pyexpat() { return PyModuleDef_Init(&module_definition); }
GILL_BUILTIN_MODULE("pyexpat", PyInit_pyexpat);

}  // namespace gill::pyexpat
