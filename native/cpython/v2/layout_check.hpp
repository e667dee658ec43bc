#pragma once

#include <string>
#include <vector>

#include "cpython/interpreter.hpp"
#include "target/memory.hpp"

namespace importlock {

/// The layout to read the target by: `interpreter.layout`, a guess from its exported names, or its
/// twin with or without Py_TRACE_REFS where the back pointers in memory bear out only that one
/// (each type's ob_type; an interpreter's thread states, their frames, and the way back). Where
/// they bear out neither, or the guess was wrong, a line of `problems` says so.
Layout verified_layout(Memory& memory, const Interpreter& interpreter,
                       std::vector<std::string>& problems);

}  // namespace importlock
