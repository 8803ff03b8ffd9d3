// The _csv module: the registry of dialects and the limit of fields; the types are in files of their own.
#include "modules/csv/csv.h"

#include "modules/module_state.h"

namespace gill::csv {

namespace {

Ref<> list_dialects(PyObject* module) { return steal(PyDict_Keys(state_of(module)->dialects)); }

PyObject* register_dialect(PyObject* module, PyObject* args, PyObject* kwargs) {
  State* state = state_of(module);
  PyObject* dialect_name;
  PyObject* dialect = nullptr;
  if (!PyArg_UnpackTuple(args, "", 1, 2, &dialect_name, &dialect)) return nullptr;
  if (!PyUnicode_Check(dialect_name)) return raise(PyExc_TypeError, "dialect name must be a string");
  if (PyUnicode_READY(dialect_name) < 0) return nullptr;
  Ref<Dialect> settings = TRY(make_dialect(state, dialect, kwargs));
  TRY(status_of(PyDict_SetItem(state->dialects, dialect_name, settings.object())));
  return none().release();
}

Status unregister_dialect(PyObject* module, PyObject* dialect_name) {
  State* state = state_of(module);
  if (PyDict_DelItem(state->dialects, dialect_name) == 0) return Status::ok;
  if (PyErr_ExceptionMatches(PyExc_KeyError)) PyErr_SetString(state->error, "unknown dialect");
  return Status::error;
}

Ref<> get_dialect(PyObject* module, PyObject* dialect_name) { return borrow(registered_dialect(state_of(module), dialect_name)); }

Maybe<long> field_size_limit(PyObject* module, PyObject* new_limit) {
  State* state = state_of(module);
  long old = state->field_limit;
  if (!new_limit) return old;
  if (!PyLong_CheckExact(new_limit)) return raise(PyExc_TypeError, "limit must be an integer");
  state->field_limit = TRY(checked(PyLong_AsLong(new_limit)));
  return old;
}


constexpr int kTupleAndDict = METH_VARARGS | METH_KEYWORDS;

// Two take their arguments as the reference does, with its wording where they do not fit.
const PyMethodDef kFunctions[] = {
    {"reader", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&reader)), kTupleAndDict,
     "    csv_reader = reader(iterable [, dialect='excel']\n"
     "                        [optional keyword args])\n"
     "    for row in csv_reader:\n"
     "        process(row)\n\n"
     "The \"iterable\" argument can be any object that returns a line of input for each\n"
     "iteration. The keywords override settings of the dialect. Each row is a list of str."},
    {"writer", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&writer)), kTupleAndDict,
     "    csv_writer = csv.writer(fileobj [, dialect='excel']\n"
     "                            [optional keyword args])\n"
     "    for row in sequence:\n"
     "        csv_writer.writerow(row)\n\n"
     "    [or]\n\n"
     "    csv_writer = csv.writer(fileobj [, dialect='excel']\n"
     "                            [optional keyword args])\n"
     "    csv_writer.writerows(rows)\n\n"
     "The \"fileobj\" argument can be any object that supports the file API.\n"},
    METHOD("list_dialects($module, /)", list_dialects,
           "Return a list of all known dialect names.\n\n    names = csv.list_dialects()"),
    {"register_dialect", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&register_dialect)), kTupleAndDict,
     "Create a mapping from a string name to a dialect class.\n"
     "    dialect = csv.register_dialect(name[, dialect[, **fmtparams]])"},
    METHOD("unregister_dialect($module, /, name)", unregister_dialect,
           "Delete the name/dialect mapping associated with a string name.\n\n    csv.unregister_dialect(name)"),
    METHOD("get_dialect($module, /, name)", get_dialect,
           "Return the dialect instance associated with name.\n\n    dialect = csv.get_dialect(name)"),
    METHOD("field_size_limit($module, /, new_limit=<unrepresentable>)", field_size_limit,
           "Sets an upper limit on parsed fields.\n\n    csv.field_size_limit([limit])\n\n"
           "Returns old limit. If limit is not given, no new limit is set and\nthe old limit is returned"),
    kEndOfMethods,
};

int execute(PyObject* module) {
  State* state = state_of(module);
  TRY(add_dialect_type(module));
  TRY(add_reader_type(module));
  TRY(add_writer_type(module));
  TRY(status_of(PyModule_AddStringConstant(module, "__version__", "1.0")));
  state->field_limit = 128 * 1024;
  state->dialects = TRY(PyDict_New());
  TRY(status_of(PyModule_AddObjectRef(module, "_dialects", state->dialects)));
  TRY(status_of(PyModule_AddIntConstant(module, "QUOTE_MINIMAL", kQuoteMinimal)));
  TRY(status_of(PyModule_AddIntConstant(module, "QUOTE_ALL", kQuoteAll)));
  TRY(status_of(PyModule_AddIntConstant(module, "QUOTE_NONNUMERIC", kQuoteNonNumeric)));
  TRY(status_of(PyModule_AddIntConstant(module, "QUOTE_NONE", kQuoteNone)));
  PyType_Slot no_slots[] = {{0, nullptr}};
  PyType_Spec error_spec = {"_csv.Error", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, no_slots};
  state->error = TRY(PyType_FromModuleAndSpec(module, &error_spec, PyExc_Exception));
  return PyModule_AddObjectRef(module, "Error", state->error);
}

using Owned = ModuleFields<&State::error, &State::dialects, &State::dialect_type, &State::reader_type, &State::writer_type>;

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(&execute)}, {0, nullptr}};

}  // namespace

PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_csv",
    .m_doc = "CSV parsing and writing.\n\nReaders and writers of comma-separated values, as described by PEP 305, and\na registry of dialects.\n",
    .m_size = sizeof(State),
    .m_methods = table(kFunctions),
    .m_slots = slots,
    .m_traverse = Owned::traverse,
    .m_clear = Owned::clear,
    .m_free = Owned::free,
};

PyMODINIT_FUNC PyInit__csv() { return PyModuleDef_Init(&module_definition); }
GILL_BUILTIN_MODULE("_csv", PyInit__csv);

}  // namespace gill::csv
