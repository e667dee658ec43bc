#pragma once

#include "cpython/layouts/python3.hpp"
#include "target/memory.hpp"

namespace importlock::v3 {

/// The table's layout with the offsets that the `_Py_DebugOffsets` at the target's _PyRuntime tell
/// in place of its own; the table's own where the version has none, or they cannot be read. Throws
/// FormatError where they are of another version, or one is absurd.
Layout told_layout(const Python3& table, Memory& memory, Address runtime);

/// Whether they say that the build has no GIL.
bool is_free_threaded(Memory& memory, Address runtime);

}  // namespace importlock::v3
