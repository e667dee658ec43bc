#pragma once

#include "cpython/opcode_table.hpp"

namespace importlock {

/// The opcodes of CPython 3.11, 3.12 and 3.13.
extern const OpcodeTable python311_opcodes, python312_opcodes, python313_opcodes;

}  // namespace importlock
