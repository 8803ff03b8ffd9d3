/* Families of the C interface that few packages use: tracing in C, data of one's own on code objects, functions, frames,
 * struct sequences, context variables, thread-specific storage, foreign threads, allocators, writers, descriptors. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <frameobject.h>
#include <structmember.h>

/* ---- tracing and profiling by C functions ---------------------------------------------------------------------- */

static int note_event(PyObject *list, PyFrameObject *frame, int what, PyObject *argument) {
    static const char *const names[] = {"call", "exception", "line", "return", "c_call", "c_exception", "c_return", "opcode"};
    PyCodeObject *code = PyFrame_GetCode(frame);
    PyObject *event = Py_BuildValue("(sOi)", names[what], code->co_name, PyFrame_GetLineNumber(frame) - code->co_firstlineno);
    Py_DECREF(code);
    if (event == NULL)
        return -1;
    int result = PyList_Append(list, event);
    Py_DECREF(event);
    return result;
}

static PyObject *events_of(PyObject *callable, void (*set)(Py_tracefunc, PyObject *)) {
    PyObject *list = PyList_New(0);
    if (list == NULL)
        return NULL;
    set(note_event, list);
    PyObject *result = PyObject_CallNoArgs(callable);
    set(NULL, NULL);
    if (result == NULL)
        PyErr_Clear();
    Py_XDECREF(result);
    return list;
}
static PyObject *trace_events(PyObject *module, PyObject *callable) { return events_of(callable, PyEval_SetTrace); }
static PyObject *profile_events(PyObject *module, PyObject *callable) { return events_of(callable, PyEval_SetProfile); }

/* ---- data on code objects -------------------------------------------------------------------------------------- */

static Py_ssize_t extra_index = -1;
static long extras_freed = 0;

static void free_extra(void *extra) {
    extras_freed++;
    PyMem_RawFree(extra);
}

static PyObject *set_extra(PyObject *module, PyObject *args) {
    PyObject *code;
    long value;
    if (!PyArg_ParseTuple(args, "O!l", &PyCode_Type, &code, &value))
        return NULL;
    if (extra_index < 0)
        extra_index = _PyEval_RequestCodeExtraIndex(free_extra);
    long *extra = PyMem_RawMalloc(sizeof(long));
    *extra = value;
    if (extra_index < 0 || _PyCode_SetExtra(code, extra_index, extra) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *get_extra(PyObject *module, PyObject *code) {
    void *extra = NULL;
    if (_PyCode_GetExtra(code, extra_index, &extra) < 0)
        return NULL;
    if (extra == NULL)
        Py_RETURN_NONE;
    return PyLong_FromLong(*(long *)extra);
}

static PyObject *count_freed_extras(PyObject *module, PyObject *unused) { return PyLong_FromLong(extras_freed); }

/* ---- functions and frames -------------------------------------------------------------------------------------- */

static PyObject *or_none(PyObject *object) { return object ? object : Py_None; }

static PyObject *function_parts(PyObject *module, PyObject *f) {
    return Py_BuildValue("(OOOOOOO)", or_none(PyFunction_GetCode(f)), or_none(PyFunction_GetGlobals(f)), or_none(PyFunction_GetModule(f)),
                         or_none(PyFunction_GetDefaults(f)), or_none(PyFunction_GetKwDefaults(f)), or_none(PyFunction_GetClosure(f)),
                         or_none(PyFunction_GetAnnotations(f)));
}

static PyObject *copy_function(PyObject *module, PyObject *args) {
    PyObject *f, *qualname, *defaults, *kwdefaults, *annotations;
    if (!PyArg_ParseTuple(args, "O!UOOO", &PyFunction_Type, &f, &qualname, &defaults, &kwdefaults, &annotations))
        return NULL;
    PyObject *copy = PyFunction_NewWithQualName(PyFunction_GetCode(f), PyFunction_GetGlobals(f), qualname);
    if (copy == NULL)
        return NULL;
    PyObject *closure = PyFunction_GetClosure(f);
    if (PyFunction_SetDefaults(copy, defaults) < 0 || PyFunction_SetKwDefaults(copy, kwdefaults) < 0 ||
        PyFunction_SetAnnotations(copy, annotations) < 0 || PyFunction_SetClosure(copy, closure ? closure : Py_None) < 0) {
        Py_DECREF(copy);
        return NULL;
    }
    return copy;
}

/* (name, line, locals, whether its generator is the one given) of the frame that calls. */
static PyObject *calling_frame(PyObject *module, PyObject *generator) {
    PyFrameObject *frame = PyEval_GetFrame();
    PyCodeObject *code = PyFrame_GetCode(frame);
    PyObject *locals = PyFrame_GetLocals(frame), *globals = PyFrame_GetGlobals(frame), *builtins = PyFrame_GetBuiltins(frame);
    PyObject *of_frame = PyFrame_GetGenerator(frame);
    PyFrameObject *back = PyFrame_GetBack(frame);
    PyObject *result = Py_BuildValue("(OiOOOOi)", code->co_name, PyFrame_GetLineNumber(frame), locals, or_none(of_frame), globals, builtins,
                                     back != NULL && PyFrame_GetLasti(frame) >= 0);
    Py_DECREF(code);
    Py_DECREF(locals);
    Py_DECREF(globals);
    Py_DECREF(builtins);
    Py_XDECREF(of_frame);
    Py_XDECREF(back);
    return result;
}

/* ---- struct sequences ------------------------------------------------------------------------------------------ */

static PyStructSequence_Field pair_fields[] = {{"left", "first"}, {"right", "second"}, {"hidden", NULL}, {NULL, NULL}};
static PyStructSequence_Desc pair_description = {"families.Pair", "two and one", pair_fields, 2};
static PyTypeObject static_pair_type;

static PyObject *make_pair(PyObject *module, PyObject *args) {
    PyObject *left, *right, *hidden;
    int on_heap;
    if (!PyArg_ParseTuple(args, "OOOp", &left, &right, &hidden, &on_heap))
        return NULL;
    PyTypeObject *type = &static_pair_type;
    if (on_heap && (type = PyStructSequence_NewType(&pair_description)) == NULL)
        return NULL;
    PyObject *pair = PyStructSequence_New(type);
    if (on_heap)
        Py_DECREF(type);
    if (pair == NULL)
        return NULL;
    PyStructSequence_SetItem(pair, 0, Py_NewRef(left));
    PyStructSequence_SetItem(pair, 1, Py_NewRef(right));
    PyStructSequence_SetItem(pair, 2, Py_NewRef(hidden));
    if (PyStructSequence_GetItem(pair, 2) != hidden)
        PyErr_SetString(PyExc_AssertionError, "the item is another");
    return pair;
}

/* ---- context variables ------------------------------------------------------------------------------------------ */

static PyObject *run_with_variable(PyObject *module, PyObject *args) {
    PyObject *value, *callable, *seen = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "OO", &value, &callable))
        return NULL;
    PyObject *variable = PyContextVar_New("families.variable", NULL);
    PyObject *context = PyContext_CopyCurrent();
    if (variable != NULL && context != NULL && PyContext_Enter(context) == 0) {
        PyObject *token = PyContextVar_Set(variable, value);
        result = PyObject_CallOneArg(callable, variable);
        if (token == NULL || PyContextVar_Reset(variable, token) < 0 || PyContextVar_Get(variable, Py_Ellipsis, &seen) < 0)
            Py_CLEAR(result);
        Py_XDECREF(token);
        if (PyContext_Exit(context) < 0)
            Py_CLEAR(result);
    }
    Py_XDECREF(context);
    Py_XDECREF(variable);
    return result ? Py_BuildValue("(NN)", result, seen) : NULL;
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

static Py_tss_t storage = Py_tss_NEEDS_INIT;

typedef struct {
    PyObject *callable;
    PyThread_type_lock done;
    int stored_first;
} Errand;

static void run_errand(void *argument) {
    Errand *errand = argument;
    errand->stored_first = PyThread_tss_get(&storage) != NULL;
    PyThread_tss_set(&storage, errand);
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = PyObject_CallOneArg(errand->callable, PyThread_tss_get(&storage) == errand ? Py_True : Py_False);
    if (result == NULL)
        PyErr_WriteUnraisable(errand->callable);
    Py_XDECREF(result);
    PyGILState_Release(state);
    PyThread_release_lock(errand->done);
}

/* Calls in a thread that Python did not start; whether storage was per thread. */
static PyObject *call_in_foreign_thread(PyObject *module, PyObject *callable) {
    if (PyThread_tss_create(&storage) != 0)
        return PyErr_NoMemory();
    Errand errand = {callable, PyThread_allocate_lock(), -1};
    PyThread_tss_set(&storage, module);
    PyThread_acquire_lock(errand.done, WAIT_LOCK);
    unsigned long started = PyThread_start_new_thread(run_errand, &errand);
    Py_BEGIN_ALLOW_THREADS
    if (started != PYTHREAD_INVALID_THREAD_ID)
        PyThread_acquire_lock(errand.done, WAIT_LOCK);
    Py_END_ALLOW_THREADS
    PyThread_release_lock(errand.done);
    PyThread_free_lock(errand.done);
    int own = PyThread_tss_get(&storage) == module;
    PyThread_tss_delete(&storage);
    return Py_BuildValue("(Oi)", own ? Py_True : Py_False, errand.stored_first);
}

static int append_pending(void *list) {
    PyObject *one = PyLong_FromLong(1);
    int result = PyList_Append(list, one);
    Py_XDECREF(one);
    return result;
}
static PyObject *add_pending(PyObject *module, PyObject *list) { return PyBool_FromLong(Py_AddPendingCall(append_pending, list) == 0); }

/* ---- allocators ------------------------------------------------------------------------------------------------- */

static PyMemAllocatorEx plain;
static long allocations, releases;

static void *counted_malloc(void *context, size_t size) { return allocations++, plain.malloc(plain.ctx, size); }
static void *counted_calloc(void *context, size_t n, size_t size) { return allocations++, plain.calloc(plain.ctx, n, size); }
static void *counted_realloc(void *context, void *p, size_t size) { return plain.realloc(plain.ctx, p, size); }
static void counted_free(void *context, void *p) {
    releases++;
    plain.free(plain.ctx, p);
}

static PyObject *count_allocations(PyObject *module, PyObject *callable) {
    PyMemAllocatorEx counted = {NULL, counted_malloc, counted_calloc, counted_realloc, counted_free};
    allocations = releases = 0;
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &plain);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &counted);
    PyObject *result = PyObject_CallNoArgs(callable);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &plain);
    return result ? Py_BuildValue("(Nll)", result, allocations, releases) : NULL;
}

/* ---- writers, descriptors, errors ------------------------------------------------------------------------------- */

static PyObject *write_text(PyObject *module, PyObject *args) {
    PyObject *text;
    unsigned int character;
    if (!PyArg_ParseTuple(args, "UI", &text, &character))
        return NULL;
    _PyUnicodeWriter writer;
    _PyUnicodeWriter_Init(&writer);
    writer.overallocate = 1;
    if (_PyUnicodeWriter_WriteStr(&writer, text) < 0 || _PyUnicodeWriter_WriteChar(&writer, character) < 0 ||
        _PyUnicodeWriter_WriteASCIIString(&writer, "-ascii-", -1) < 0 ||
        _PyUnicodeWriter_WriteSubstring(&writer, text, 0, PyUnicode_GET_LENGTH(text) / 2) < 0) {
        _PyUnicodeWriter_Dealloc(&writer);
        return NULL;
    }
    return _PyUnicodeWriter_Finish(&writer);
}

static PyObject *first_of(PyObject *self, PyObject *unused) { return PySequence_GetItem(self, 0); }
static PyObject *name_of(PyObject *type, PyObject *unused) { return PyType_GetName((PyTypeObject *)type); }
static PyObject *length_of(PyObject *self, void *closure) { return PyLong_FromSsize_t(PySequence_Size(self) + (Py_ssize_t)closure); }
static PyMethodDef first_definition = {"first", first_of, METH_NOARGS, "the first item"};
static PyMethodDef name_definition = {"type_name", name_of, METH_NOARGS | METH_CLASS, NULL};
static PyGetSetDef length_definition = {"length_and_ten", length_of, NULL, NULL, (void *)10};

static PyObject *make_descriptors(PyObject *module, PyObject *type) {
    PyTypeObject *of = (PyTypeObject *)type;
    return Py_BuildValue("(NNN)", PyDescr_NewMethod(of, &first_definition), PyDescr_NewClassMethod(of, &name_definition),
                         PyDescr_NewGetSet(of, &length_definition));
}

static PyObject *raise_errors(PyObject *module, PyObject *args) {
    const char *kind;
    PyObject *a, *b;
    if (!PyArg_ParseTuple(args, "sOO", &kind, &a, &b))
        return NULL;
    errno = ENOENT;
    if (strcmp(kind, "errno") == 0)
        return PyErr_SetFromErrnoWithFilenameObjects(PyExc_OSError, a, b);
    if (strcmp(kind, "import") == 0)
        return PyErr_SetImportErrorSubclass(PyExc_ModuleNotFoundError, a, a, b);
    if (strcmp(kind, "cause") == 0) {
        PyErr_SetObject(PyExc_ValueError, a);
        return _PyErr_FormatFromCause(PyExc_RuntimeError, "about %S", b);
    }
    if (strcmp(kind, "handled") == 0)
        return PyErr_GetHandledException() ? PyErr_GetHandledException() : Py_NewRef(Py_None);
    if (strcmp(kind, "syntax") == 0) {
        PyErr_SetString(PyExc_SyntaxError, "wrong");
        PyErr_SyntaxLocationObject(a, 3, 7);
        return NULL;
    }
    if (strcmp(kind, "warn") == 0)
        return PyErr_WarnExplicitObject(PyExc_UserWarning, a, b, 12, NULL, NULL) < 0 ? NULL : Py_NewRef(Py_None);
    Py_RETURN_NOTIMPLEMENTED;
}

/* ---- a heap type filled in by hand, which asks for a dictionary by the flag alone, as pybind11 does ------------------------ */

static int open_traverse(PyObject *self, visitproc visit, void *arg) {
    PyObject **dict = _PyObject_GetDictPtr(self);
    Py_VISIT(*dict);
    Py_VISIT(Py_TYPE(self));
    return 0;
}
static int open_clear(PyObject *self) {
    PyObject **dict = _PyObject_GetDictPtr(self);
    Py_CLEAR(*dict);
    return 0;
}
static void open_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    open_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}
static PyObject *open_method(PyObject *self, PyObject *unused) { return PyLong_FromLong(7); }
static PyMethodDef open_methods[] = {{"seven", open_method, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyGetSetDef open_attributes[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};

static PyObject *make_open_type(PyObject *module, PyObject *name) {
    PyHeapTypeObject *heap = (PyHeapTypeObject *)PyType_Type.tp_alloc(&PyType_Type, 0);
    if (heap == NULL)
        return NULL;
    heap->ht_name = Py_NewRef(name);
    heap->ht_qualname = Py_NewRef(name);
    PyTypeObject *type = &heap->ht_type;
    type->tp_name = "families.Open";
    type->tp_base = (PyTypeObject *)Py_NewRef((PyObject *)&PyBaseObject_Type);
    type->tp_basicsize = sizeof(PyObject) + sizeof(void *);
    type->tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_MANAGED_DICT;
    type->tp_new = PyType_GenericNew;
    type->tp_dealloc = open_dealloc;
    type->tp_traverse = open_traverse;
    type->tp_clear = open_clear;
    type->tp_methods = open_methods;
    type->tp_getset = open_attributes;
    if (PyType_Ready(type) < 0)
        return NULL;
    return (PyObject *)type;
}

static PyMethodDef methods[] = {
    {"make_open_type", make_open_type, METH_O, NULL},
    {"trace_events", trace_events, METH_O, NULL},
    {"profile_events", profile_events, METH_O, NULL},
    {"set_extra", set_extra, METH_VARARGS, NULL},
    {"get_extra", get_extra, METH_O, NULL},
    {"count_freed_extras", count_freed_extras, METH_NOARGS, NULL},
    {"function_parts", function_parts, METH_O, NULL},
    {"copy_function", copy_function, METH_VARARGS, NULL},
    {"calling_frame", calling_frame, METH_O, NULL},
    {"make_pair", make_pair, METH_VARARGS, NULL},
    {"run_with_variable", run_with_variable, METH_VARARGS, NULL},
    {"call_in_foreign_thread", call_in_foreign_thread, METH_O, NULL},
    {"add_pending", add_pending, METH_O, NULL},
    {"count_allocations", count_allocations, METH_O, NULL},
    {"write_text", write_text, METH_VARARGS, NULL},
    {"make_descriptors", make_descriptors, METH_O, NULL},
    {"raise_errors", raise_errors, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "families", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_families(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    /* Makers of submodules go by the name that the module has now. */
    if (PyModule_AddStringConstant(module, "name_at_creation", PyModule_GetName(module)) < 0)
        return NULL;
    if (static_pair_type.tp_name == NULL && PyStructSequence_InitType2(&static_pair_type, &pair_description) < 0)
        return NULL;
    return module;
}
