// What expat calls for an encoding that it does not know.
#pragma once

#include <expat.h>

namespace gill {

// Maps the bytes of an encoding of one byte a character, by Python's codec. An XML_UnknownEncodingHandler.
int unknown_encoding(void* data, const XML_Char* encoding_name, XML_Encoding* info);

}  // namespace gill
