#pragma once

#include <string>

#include "cpython/interpreter.hpp"
#include "target/memory.hpp"

namespace importlock::v3 {

/// What in the target speaks against the layout that was chosen for it; empty where nothing does:
/// the list of interpreters and its back pointers, sys.modules with `sys`, sys.hexversion, which is
/// to be of version 3.`minor`, types, and a function of importlib's with its code.
std::string contradiction(Memory& memory, const Interpreter& interpreter, unsigned minor);

}  // namespace importlock::v3
