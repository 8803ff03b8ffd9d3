// The text layer's object, shared by its reading, writing and position halves.
#pragma once

#include "modules/io/io.h"

namespace gill::io {

struct TextIO : IoBase {
  PyObject* buffer;
  PyObject* encoding;     // str
  PyObject* errors;       // str
  PyObject* encoder;      // incremental, or null
  PyObject* decoder;      // incremental, with newline translation around it; or null
  PyObject* read_newline; // what readline() looks for, or null for "\n" and universal modes
  PyObject* decoded;      // text decoded but not all read: [decoded_used, length) remains; or null
  PyObject* snapshot;     // (decoder flags, bytes fed since) where tell() starts from, or null
  Py_ssize_t decoded_used;
  char* pending;          // encoded text not yet handed to the buffer, when `has_pending`
  Py_ssize_t pending_size, pending_capacity;
  Py_ssize_t chunk_size;
  double bytes_per_char;
  const char* write_newline;  // what "\n" becomes, or null
  PyObject* (*encode_directly)(PyObject* text, const char* errors);  // for utf-8, ascii and latin-1, which need no incremental encoder; or null
  bool ok, detached, has_pending;
  bool line_buffering, write_through;
  bool read_universal, read_translate, write_translate;
  bool seekable, telling, has_read1;
  bool at_start;  // the encoder has written nothing yet (a byte order mark is due)

  using Fields = OwnedFields<&TextIO::dict, &TextIO::buffer, &TextIO::encoding, &TextIO::errors, &TextIO::encoder,
                             &TextIO::decoder, &TextIO::read_newline, &TextIO::decoded, &TextIO::snapshot>;
};

Status check_ready(TextIO* self);
// check_ready, and ValueError when the buffer is closed.
Status check_usable(TextIO* self);
Status write_pending(TextIO* self);
void forget_decoded(TextIO* self);
// Decodes one more chunk into `decoded`; false at the end of the stream.
Maybe<bool> read_chunk(TextIO* self, Py_ssize_t hint);
Status reset_encoder(TextIO* self, bool at_start);

Ref<> text_tell(TextIO* self);
Ref<> text_seek(TextIO* self, PyObject* cookie, int whence);

}  // namespace gill::io
