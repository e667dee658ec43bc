#pragma once

#include "cpython/opcode_table.hpp"

namespace importlock {

/// The opcodes of CPython 3.6 to 3.15.
extern const OpcodeTable python306_opcodes, python307_opcodes, python308_opcodes, python309_opcodes,
    python310_opcodes, python311_opcodes, python312_opcodes, python313_opcodes, python314_opcodes,
    python315_opcodes;

}  // namespace importlock
