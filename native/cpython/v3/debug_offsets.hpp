#pragma once

#include <string>

#include "cpython/layouts/python3.hpp"
#include "target/memory.hpp"

namespace importlock::v3 {

/// The table's layout with the offsets that the `_Py_DebugOffsets` at the target's _PyRuntime tell
/// in place of its own; the table's own where the version has none, or they cannot be read. Throws
/// FormatError where they are of another version, or one is absurd.
Layout told_layout(const Python3& table, Memory& memory, Address runtime);

/// What in the debug offsets of a version after the newest speaks against that one's `table`, in
/// which `minor` is the target's; empty where nothing does: its structures are of other sizes, or
/// their fields lie elsewhere, but for those that grow with each version and are told of in full.
std::string at_odds(const Python3& table, Memory& memory, Address runtime);

/// Whether PyInterpreterState is of the size that the newest has, so that what the debug offsets do
/// not tell of it lies where the table has it.
bool has_known_interpreter_state(const Python3& table, Memory& memory, Address runtime);

/// Whether they say that the build has no GIL.
bool is_free_threaded(Memory& memory, Address runtime);

}  // namespace importlock::v3
