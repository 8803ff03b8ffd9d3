#include "modules/pyexpat/unknown_encoding.h"

#include "base/ref.h"

namespace gill {

int unknown_encoding(void*, const XML_Char* encoding_name, XML_Encoding* info) {
  if (PyErr_Occurred()) return XML_STATUS_ERROR;
  char every_byte[256];
  for (int i = 0; i < 256; ++i) every_byte[i] = static_cast<char>(i);
  Ref<> text = steal(PyUnicode_Decode(every_byte, 256, encoding_name, "replace"));
  if (!text || PyUnicode_READY(text.get()) < 0) return XML_STATUS_ERROR;
  if (PyUnicode_GET_LENGTH(text.get()) != 256) {
    PyErr_SetString(PyExc_ValueError, "multi-byte encodings are not supported");
    return XML_STATUS_ERROR;
  }
  for (int i = 0; i < 256; ++i) {
    Py_UCS4 c = PyUnicode_READ_CHAR(text.get(), i);
    info->map[i] = c == Py_UNICODE_REPLACEMENT_CHARACTER ? -1 : static_cast<int>(c);
  }
  info->data = nullptr;
  info->convert = nullptr;
  info->release = nullptr;
  return XML_STATUS_OK;
}

}  // namespace gill
