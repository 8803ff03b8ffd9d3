// any, all, sum, min, max.
#include "base/binding.h"
#include "base/names.h"
#include "modules/builtins.h"
#include "objects/int.h"

namespace gill {
namespace {

// Whether some item's truth value is `wanted`.
Maybe<bool> any_item(PyObject* iterable, bool wanted) {
  if (PyList_CheckExact(iterable)) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(iterable); ++i) {
      Ref<> item = borrow(PyList_GET_ITEM(iterable, i));
      if (TRY(truth_of(PyObject_IsTrue(item.get()))) == wanted) return true;
    }
    return false;
  }
  Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
  iternextfunc next = Py_TYPE(iterator.get())->tp_iternext;
  while (Ref<> item = steal(next(iterator.get()))) {
    if (TRY(truth_of(PyObject_IsTrue(item.get()))) == wanted) return true;
  }
  if (PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) return failure;
    PyErr_Clear();
  }
  return false;
}
Maybe<bool> builtin_any(PyObject*, PyObject* iterable) { return any_item(iterable, true); }
Maybe<bool> builtin_all(PyObject*, PyObject* iterable) { return !TRY(any_item(iterable, false)); }

// ---- sum ----------------------------------------------------------------------------------------

// Adds items as C integers and floats as long as they are exactly that; whatever comes then is added
// to what the total is as an object.
class Sum {
 public:
  explicit Sum(PyObject* start) { put(borrow(start)); }

  Status add(PyObject* item) {
    if (form_ == Form::integer) {
      if (PyLong_CheckExact(item) || PyBool_Check(item)) {
        int64_t value;
        int64_t total;
        if (word_of(item, &value) && !__builtin_add_overflow(integer_, value, &total)) {
          integer_ = total;
          return Status::ok;
        }
      }
    } else if (form_ == Form::real) {
      if (PyFloat_CheckExact(item)) {
        real_ += PyFloat_AS_DOUBLE(item);
        return Status::ok;
      }
      if (PyLong_CheckExact(item) || PyBool_Check(item)) {
        int64_t value;
        if (word_of(item, &value)) {
          real_ += static_cast<double>(value);
          return Status::ok;
        }
      }
    }
    // From here on any code can run, which may take the item out of where it came from.
    Ref<> held = borrow(item);
    Ref<> total = TRY(result());
    Ref<> next = TRY(steal(PyNumber_Add(total.get(), item)));
    total.reset();
    put(std::move(next));
    return Status::ok;
  }

  Ref<> result() {
    if (form_ == Form::integer) return steal(PyLong_FromLong(integer_));
    if (form_ == Form::real) return steal(PyFloat_FromDouble(real_));
    return std::move(object_);
  }

 private:
  enum class Form { integer, real, object };
  void put(Ref<> value) {
    object_.reset();
    form_ = Form::object;
    if (PyLong_CheckExact(value.get())) {
      int overflow = 0;
      integer_ = PyLong_AsLongAndOverflow(value.get(), &overflow);
      if (!overflow) form_ = Form::integer;
    } else if (PyFloat_CheckExact(value.get())) {
      real_ = PyFloat_AS_DOUBLE(value.get());
      form_ = Form::real;
    }
    if (form_ == Form::object) object_ = std::move(value);
  }

  Form form_ = Form::object;
  int64_t integer_ = 0;
  double real_ = 0;
  Ref<> object_;
};

Ref<> builtin_sum(PyObject*, PyObject* iterable, PyObject* start) {
  bool list = PyList_CheckExact(iterable);
  Ref<> iterator = list ? Ref<>() : TRY(steal(PyObject_GetIter(iterable)));
  Ref<> zero;
  if (!start) {
    zero = TRY(steal(PyLong_FromLong(0)));
    start = zero.get();
  }
  if (PyUnicode_Check(start)) return raise(PyExc_TypeError, "sum() can't sum strings [use ''.join(seq) instead]");
  if (PyBytes_Check(start)) return raise(PyExc_TypeError, "sum() can't sum bytes [use b''.join(seq) instead]");
  if (PyByteArray_Check(start)) return raise(PyExc_TypeError, "sum() can't sum bytearray [use b''.join(seq) instead]");
  Sum sum(start);
  if (list) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(iterable); ++i) TRY(sum.add(PyList_GET_ITEM(iterable, i)));
    return sum.result();
  }
  iternextfunc next = Py_TYPE(iterator.get())->tp_iternext;
  while (Ref<> item = steal(next(iterator.get()))) TRY(sum.add(item.get()));
  if (PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_StopIteration)) return failure;
    PyErr_Clear();
  }
  return sum.result();
}

// ---- min, max -----------------------------------------------------------------------------------

struct ExtremeOptions {
  PyObject* key = nullptr;
  PyObject* fallback = nullptr;

  Status read(PyObject* keywords, PyObject* const* values, const char* format) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keywords); ++i) {
      PyObject* keyword = PyTuple_GET_ITEM(keywords, i);
      if (keyword == name<"key">) key = values[i];
      else if (keyword == name<"default">) fallback = values[i];
      else return read_all(keywords, values, format);
    }
    if (key == Py_None) key = nullptr;
    return Status::ok;
  }

 private:
  // Keywords that are not interned, or wrong.
  Status read_all(PyObject* keywords, PyObject* const* values, const char* format) {
    static const char* const names[] = {"key", "default", nullptr};
    Ref<> empty = TRY(steal(PyTuple_New(0)));
    Ref<> given = TRY(steal(PyDict_New()));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keywords); ++i) TRY(status_of(PyDict_SetItem(given.get(), PyTuple_GET_ITEM(keywords, i), values[i])));
    if (!PyArg_ParseTupleAndKeywords(empty.get(), given.get(), format, const_cast<char**>(names), &key, &fallback)) return Status::error;
    if (key == Py_None) key = nullptr;
    return Status::ok;
  }
};

// The extreme item seen so far, and its key.
class Extreme {
 public:
  Extreme(PyObject* key, int comparison) : key_(key), comparison_(comparison) {}

  Status add(Ref<> item) {
    Ref<> key;
    if (key_) key = TRY(steal(PyObject_CallOneArg(key_, item.get())));
    if (best_) {
      PyObject* best = key_ ? best_key_.get() : best_.get();
      int better = PyObject_RichCompareBool(key_ ? key.get() : item.get(), best, comparison_);
      if (better <= 0) return status_of(better);
    }
    best_ = std::move(item);
    best_key_ = std::move(key);
    return Status::ok;
  }
  Status add_all(PyObject* iterable) {
    if (PyList_CheckExact(iterable)) {
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(iterable); ++i) TRY(add(borrow(PyList_GET_ITEM(iterable, i))));
      return Status::ok;
    }
    Ref<> iterator = TRY(steal(PyObject_GetIter(iterable)));
    while (Ref<> item = steal(PyIter_Next(iterator.get()))) TRY(add(std::move(item)));
    return PyErr_Occurred() ? Status::error : Status::ok;
  }
  Ref<> take() { return std::move(best_); }

 private:
  PyObject* key_;
  int comparison_;
  Ref<> best_, best_key_;
};

PyObject* extreme(PyObject* const* args, Py_ssize_t count, PyObject* keywords, const char* function, int comparison) {
  if (count == 0) return raise(PyExc_TypeError, "%s expected at least 1 argument, got 0", function);
  ExtremeOptions options;
  if (keywords) TRY(options.read(keywords, args + count, comparison == Py_LT ? "|$OO:min" : "|$OO:max"));
  Extreme found(options.key, comparison);
  if (count == 1) {
    TRY(found.add_all(args[0]));
  } else {
    if (options.fallback) return raise(PyExc_TypeError, "Cannot specify a default for %s() with multiple positional arguments", function);
    for (Py_ssize_t i = 0; i < count; ++i) TRY(found.add(borrow(args[i])));
  }
  if (Ref<> best = found.take()) return best.release();
  if (options.fallback) return borrow(options.fallback).release();
  return raise(PyExc_ValueError, "%s() arg is an empty sequence", function);
}
PyObject* builtin_min(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) { return extreme(args, count, keywords, "min", Py_LT); }
PyObject* builtin_max(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) { return extreme(args, count, keywords, "max", Py_GT); }

const PyMethodDef kMethods[] = {
    METHOD("all($module, iterable, /)", builtin_all, "Return True if bool(x) is True for all values x in the iterable."),
    METHOD("any($module, iterable, /)", builtin_any, "Return True if bool(x) is True for any x in the iterable."),
    {"max", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&builtin_max)), METH_FASTCALL | METH_KEYWORDS | kOfTuple,
     "max(iterable, *[, default=obj, key=func]) -> value\nmax(arg1, arg2, *args, *[, key=func]) -> value\n\nThe biggest item or argument."},
    {"min", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&builtin_min)), METH_FASTCALL | METH_KEYWORDS | kOfTuple,
     "min(iterable, *[, default=obj, key=func]) -> value\nmin(arg1, arg2, *args, *[, key=func]) -> value\n\nThe smallest item or argument."},
    METHOD("sum($module, iterable, /, start=0)", builtin_sum, "Return the sum of a 'start' value (default: 0) plus an iterable of numbers"),
    kEndOfMethods,
};

}  // namespace

PyMethodDef* builtins_reduce_methods() { return table(kMethods); }

}  // namespace gill
