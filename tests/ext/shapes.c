/* An extension in C as package authors write them: multi-phase initialization, module state, a type without and a
 * type with cyclic collection, both subclassable, a static type, members, getters, a buffer, and an exception. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

typedef struct {
    PyTypeObject *point_type;
    PyTypeObject *node_type;
    PyObject *error;
    long created;
} State;

static struct PyModuleDef shapes_module;

static State *state_of(PyObject *module) {
    return (State *)PyModule_GetState(module);
}

/* Point: two doubles in place, no references, exported as a buffer of two doubles. */
typedef struct {
    PyObject_HEAD
    double xy[2];
    int exports;
} Point;

static int point_init(Point *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"x", "y", NULL};
    PyObject *module = PyType_GetModuleByDef(Py_TYPE(self), &shapes_module);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|dd:Point", names, &self->xy[0], &self->xy[1]))
        return -1;
    if (module == NULL)
        return -1;
    state_of(module)->created++;
    return 0;
}

static void point_dealloc(Point *self) {
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *point_repr(Point *self) {
    char text[100];
    PyOS_snprintf(text, sizeof text, "%.2f, %.2f", self->xy[0], self->xy[1]);
    return PyUnicode_FromFormat("%s(%s)", _PyType_Name(Py_TYPE(self)), text);
}

static PyObject *point_richcompare(PyObject *left, PyObject *right, int op) {
    if (!PyObject_TypeCheck(right, Py_TYPE(left)) || (op != Py_EQ && op != Py_NE))
        Py_RETURN_NOTIMPLEMENTED;
    Point *a = (Point *)left, *b = (Point *)right;
    int equal = a->xy[0] == b->xy[0] && a->xy[1] == b->xy[1];
    return PyBool_FromLong(op == Py_EQ ? equal : !equal);
}

static PyObject *point_add(PyObject *left, PyObject *right) {
    if (Py_TYPE(left) != Py_TYPE(right))
        Py_RETURN_NOTIMPLEMENTED;
    Point *a = (Point *)left, *b = (Point *)right;
    return PyObject_CallFunction((PyObject *)Py_TYPE(left), "dd", a->xy[0] + b->xy[0], a->xy[1] + b->xy[1]);
}

static Py_ssize_t point_length(PyObject *self) {
    return 2;
}

static PyObject *point_item(PyObject *self, Py_ssize_t index) {
    if (index < 0 || index > 1) {
        PyErr_SetString(PyExc_IndexError, "a point has two coordinates");
        return NULL;
    }
    return PyFloat_FromDouble(((Point *)self)->xy[index]);
}

static int point_getbuffer(PyObject *self, Py_buffer *view, int flags) {
    static Py_ssize_t shape[1] = {2}, strides[1] = {sizeof(double)};
    Point *point = (Point *)self;
    view->buf = point->xy;
    view->obj = Py_NewRef(self);
    view->len = sizeof point->xy;
    view->readonly = 0;
    view->itemsize = sizeof(double);
    view->format = flags & PyBUF_FORMAT ? "d" : NULL;
    view->ndim = 1;
    view->shape = flags & PyBUF_ND ? shape : NULL;
    view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? strides : NULL;
    view->suboffsets = NULL;
    view->internal = NULL;
    point->exports++;
    return 0;
}

static void point_releasebuffer(PyObject *self, Py_buffer *view) {
    ((Point *)self)->exports--;
}

static PyObject *point_get_norm2(PyObject *self, void *closure) {
    Point *point = (Point *)self;
    return PyFloat_FromDouble(point->xy[0] * point->xy[0] + point->xy[1] * point->xy[1]);
}

static PyObject *point_scaled(PyObject *self, PyTypeObject *defining, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
    State *state = (State *)PyType_GetModuleState(defining);
    if (state == NULL)
        return NULL;
    if (nargs != 1 || (kwnames != NULL && PyTuple_GET_SIZE(kwnames) != 0)) {
        PyErr_SetString(state->error, "scaled() takes one factor");
        return NULL;
    }
    double factor = PyFloat_AsDouble(args[0]);
    if (factor == -1.0 && PyErr_Occurred())
        return NULL;
    Point *point = (Point *)self;
    return PyObject_CallFunction((PyObject *)Py_TYPE(self), "dd", point->xy[0] * factor, point->xy[1] * factor);
}

static PyMemberDef point_members[] = {
    {"x", T_DOUBLE, offsetof(Point, xy[0]), 0, "the first coordinate"},
    {"y", T_DOUBLE, offsetof(Point, xy[1]), 0, "the second coordinate"},
    {"exports", T_INT, offsetof(Point, exports), READONLY, "views that are open"},
    {NULL},
};
static PyGetSetDef point_getset[] = {{"norm2", point_get_norm2, NULL, "the square of the length", NULL}, {NULL}};
static PyMethodDef point_methods[] = {
    {"scaled", (PyCFunction)(void (*)(void))point_scaled, METH_METHOD | METH_FASTCALL | METH_KEYWORDS, "scaled(factor) -> Point"},
    {NULL},
};
static PyType_Slot point_slots[] = {
    {Py_tp_init, point_init},
    {Py_tp_dealloc, point_dealloc},
    {Py_tp_repr, point_repr},
    {Py_tp_richcompare, point_richcompare},
    {Py_tp_members, point_members},
    {Py_tp_getset, point_getset},
    {Py_tp_methods, point_methods},
    {Py_tp_doc, "Point(x=0.0, y=0.0)\n--\n\nTwo coordinates."},
    {Py_nb_add, point_add},
    {Py_sq_length, point_length},
    {Py_sq_item, point_item},
    {Py_bf_getbuffer, point_getbuffer},
    {Py_bf_releasebuffer, point_releasebuffer},
    {0, NULL},
};
static PyType_Spec point_spec = {"shapes.Point", sizeof(Point), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, point_slots};

/* Node: owns references, takes part in cyclic collection, has a dictionary and weak references. */
typedef struct {
    PyObject_HEAD
    PyObject *value;
    PyObject *next;
    PyObject *dict;
    PyObject *weakrefs;
} Node;

static PyObject *node_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *value = Py_None, *next = Py_None;
    static char *names[] = {"value", "next", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:Node", names, &value, &next))
        return NULL;
    Node *self = (Node *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->value = Py_NewRef(value);
    self->next = Py_NewRef(next);
    return (PyObject *)self;
}

static int node_traverse(Node *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->value);
    Py_VISIT(self->next);
    Py_VISIT(self->dict);
    return 0;
}

static int node_clear(Node *self) {
    Py_CLEAR(self->value);
    Py_CLEAR(self->next);
    Py_CLEAR(self->dict);
    return 0;
}

static void node_dealloc(Node *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_TRASHCAN_BEGIN(self, node_dealloc)
    if (self->weakrefs != NULL)
        PyObject_ClearWeakRefs((PyObject *)self);
    node_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
    Py_TRASHCAN_END
}

static PyObject *node_iter(PyObject *self) {
    PyObject *list = PyList_New(0);
    for (PyObject *at = self; list != NULL && Py_TYPE(at) == Py_TYPE(self); at = ((Node *)at)->next) {
        if (PyList_Append(list, ((Node *)at)->value) < 0)
            Py_CLEAR(list);
    }
    if (list == NULL)
        return NULL;
    PyObject *iterator = PyObject_GetIter(list);
    Py_DECREF(list);
    return iterator;
}

static PyMemberDef node_members[] = {
    {"value", T_OBJECT_EX, offsetof(Node, value), 0, NULL},
    {"next", T_OBJECT, offsetof(Node, next), 0, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(Node, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Node, weakrefs), READONLY, NULL},
    {NULL},
};
static PyMethodDef node_methods[] = {{"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, NULL}, {NULL}};
static PyGetSetDef node_getset[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL}};
static PyType_Slot node_slots[] = {
    {Py_tp_new, node_new},
    {Py_tp_traverse, node_traverse},
    {Py_tp_clear, node_clear},
    {Py_tp_dealloc, node_dealloc},
    {Py_tp_iter, node_iter},
    {Py_tp_members, node_members},
    {Py_tp_methods, node_methods},
    {Py_tp_getset, node_getset},
    {0, NULL},
};
static PyType_Spec node_spec = {"shapes.Node", sizeof(Node), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, node_slots};

/* Counter: a static type with an iterator protocol of its own. */
typedef struct {
    PyObject_HEAD
    Py_ssize_t at, stop;
} Counter;

static PyObject *counter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Py_ssize_t stop;
    if (!PyArg_ParseTuple(args, "n:Counter", &stop))
        return NULL;
    Counter *self = (Counter *)type->tp_alloc(type, 0);
    if (self != NULL)
        self->stop = stop;
    return (PyObject *)self;
}

static PyObject *counter_next(Counter *self) {
    return self->at < self->stop ? PyLong_FromSsize_t(self->at++) : NULL;
}

static PyTypeObject Counter_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "shapes.Counter",
    .tp_basicsize = sizeof(Counter),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = counter_new,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = (iternextfunc)counter_next,
};

/* Functions of the module, one for each calling convention. */
static PyObject *total(PyObject *module, PyObject *const *args, Py_ssize_t nargs) {
    double sum = 0;
    for (Py_ssize_t i = 0; i < nargs; i++) {
        double value = PyFloat_AsDouble(args[i]);
        if (value == -1.0 && PyErr_Occurred())
            return NULL;
        sum += value;
    }
    return PyFloat_FromDouble(sum);
}

static PyObject *sum_buffer(PyObject *module, PyObject *object) {
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_FORMAT | PyBUF_ND) < 0)
        return NULL;
    if (view.format == NULL || strcmp(view.format, "d") != 0) {
        PyErr_Format(state_of(module)->error, "need doubles, got format '%s'", view.format ? view.format : "B");
        PyBuffer_Release(&view);
        return NULL;
    }
    double sum = 0;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < view.len / view.itemsize; i++)
        sum += ((double *)view.buf)[i];
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    return PyFloat_FromDouble(sum);
}

static PyObject *describe(PyObject *module, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"text", "count", "data", "flag", NULL};
    const char *text, *data = "";
    Py_ssize_t data_length = 0;
    int count = 1, flag = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s|iy#$p:describe", names, &text, &count, &data, &data_length, &flag))
        return NULL;
    return Py_BuildValue("{s:s,s:i,s:y#,s:O}", "text", text, "count", count, "data", data, data_length, "flag", flag ? Py_True : Py_False);
}

static PyObject *created(PyObject *module, PyObject *unused) {
    return PyLong_FromLong(state_of(module)->created);
}

static PyMethodDef shapes_methods[] = {
    {"total", (PyCFunction)(void (*)(void))total, METH_FASTCALL, "total(*numbers) -> float"},
    {"sum_buffer", sum_buffer, METH_O, "sum_buffer(buffer of doubles) -> float"},
    {"describe", (PyCFunction)(void (*)(void))describe, METH_VARARGS | METH_KEYWORDS, "describe(text, count=1, data=b'', *, flag=False) -> dict"},
    {"created", created, METH_NOARGS, "created() -> how many points this module made"},
    {NULL},
};

static int shapes_exec(PyObject *module) {
    State *state = state_of(module);
    state->point_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &point_spec, NULL);
    if (state->point_type == NULL || PyModule_AddType(module, state->point_type) < 0)
        return -1;
    state->node_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &node_spec, NULL);
    if (state->node_type == NULL || PyModule_AddType(module, state->node_type) < 0)
        return -1;
    if (PyModule_AddType(module, &Counter_Type) < 0)
        return -1;
    state->error = PyErr_NewExceptionWithDoc("shapes.ShapeError", "What went wrong with a shape.", PyExc_ValueError, NULL);
    if (state->error == NULL || PyModule_AddObjectRef(module, "ShapeError", state->error) < 0)
        return -1;
    return PyModule_AddIntConstant(module, "DIMENSIONS", 2);
}

static int shapes_traverse(PyObject *module, visitproc visit, void *arg) {
    State *state = state_of(module);
    Py_VISIT(state->point_type);
    Py_VISIT(state->node_type);
    Py_VISIT(state->error);
    return 0;
}

static int shapes_clear(PyObject *module) {
    State *state = state_of(module);
    Py_CLEAR(state->point_type);
    Py_CLEAR(state->node_type);
    Py_CLEAR(state->error);
    return 0;
}

static PyModuleDef_Slot shapes_slots[] = {{Py_mod_exec, shapes_exec}, {0, NULL}};
static struct PyModuleDef shapes_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "shapes",
    .m_doc = "Types and functions of an extension in C.",
    .m_size = sizeof(State),
    .m_methods = shapes_methods,
    .m_slots = shapes_slots,
    .m_traverse = shapes_traverse,
    .m_clear = shapes_clear,
};

PyMODINIT_FUNC PyInit_shapes(void) {
    return PyModuleDef_Init(&shapes_module);
}
