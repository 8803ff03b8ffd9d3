/* Containers whose tp_traverse is not the textbook's: one owns a reference that it never visits, and one visits what cannot be part of a
 * cycle besides what it owns. Both are correct: an object may hide what it owns, at the price of a leak, and may show what is alive anyway. */
#include <Python.h>
#include <structmember.h>

typedef struct {
    PyObject_HEAD
    PyObject *shown;
    PyObject *hidden;
    PyObject *label; /* a str */
} Holder;

static PyMemberDef holder_members[] = {
    {"shown", T_OBJECT, offsetof(Holder, shown), 0, "visited"},
    {"hidden", T_OBJECT, offsetof(Holder, hidden), 0, "owned, and not visited"},
    {NULL},
};

static PyObject *holder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Holder *self = (Holder *)type->tp_alloc(type, 0);
    if (self != NULL)
        self->label = PyUnicode_FromFormat("holder %p", self);
    return (PyObject *)self;
}

static int hiding_traverse(Holder *self, visitproc visit, void *arg) {
    Py_VISIT(self->shown);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static int showing_traverse(Holder *self, visitproc visit, void *arg) {
    Py_VISIT(self->shown);
    Py_VISIT(self->hidden);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->label);
    Py_VISIT(Py_None);
    Py_VISIT((PyObject *)&PyBaseObject_Type);
    return 0;
}

static int holder_clear(Holder *self) {
    Py_CLEAR(self->shown);
    Py_CLEAR(self->hidden);
    return 0;
}

static void holder_dealloc(Holder *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    holder_clear(self);
    Py_CLEAR(self->label);
    type->tp_free(self);
    Py_DECREF(type);
}

#define HOLDER_SLOTS(traverse)                                                                                                       \
    {Py_tp_new, holder_new}, {Py_tp_traverse, traverse}, {Py_tp_clear, holder_clear}, {Py_tp_dealloc, holder_dealloc},               \
        {Py_tp_members, holder_members}, {0, NULL}

static PyType_Slot hiding_slots[] = {HOLDER_SLOTS(hiding_traverse)};
static PyType_Slot showing_slots[] = {HOLDER_SLOTS(showing_traverse)};
#define HOLDER_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC)
static PyType_Spec hiding_spec = {"holders.Hiding", sizeof(Holder), 0, HOLDER_FLAGS, hiding_slots};
static PyType_Spec showing_spec = {"holders.Showing", sizeof(Holder), 0, HOLDER_FLAGS, showing_slots};

static int add_type(PyObject *module, PyType_Spec *spec) {
    PyObject *type = PyType_FromSpec(spec);
    if (type == NULL)
        return -1;
    int status = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return status;
}

static int holders_exec(PyObject *module) {
    return add_type(module, &hiding_spec) < 0 || add_type(module, &showing_spec) < 0 ? -1 : 0;
}

static PyModuleDef_Slot holders_slots[] = {{Py_mod_exec, holders_exec}, {0, NULL}};
static struct PyModuleDef holders_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "holders",
    .m_doc = "Containers that visit less or more than what they own.",
    .m_slots = holders_slots,
};

PyMODINIT_FUNC PyInit_holders(void) {
    return PyModuleDef_Init(&holders_module);
}
