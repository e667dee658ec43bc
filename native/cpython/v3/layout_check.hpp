#pragma once

#include <string>

#include "cpython/interpreter.hpp"
#include "target/memory.hpp"

namespace importlock::v3 {

/// What in the target speaks against the layout that was chosen for it; empty where nothing does:
/// the list of interpreters and its back pointers, the code that the frames run, sys.modules with
/// `sys`, and sys.hexversion, which is to be of version 3.`minor`.
std::string contradiction(Memory& memory, const Interpreter& interpreter, unsigned minor);

}  // namespace importlock::v3
