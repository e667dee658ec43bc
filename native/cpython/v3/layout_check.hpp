#pragma once

#include <string>

#include "cpython/interpreter.hpp"
#include "target/memory.hpp"

namespace importlock::v3 {

/// What in the target speaks against the layout that was chosen for it; empty where nothing does:
/// the list of interpreters and its back pointers, sys.modules with `sys`, sys.hexversion, which is
/// to be of version 3.`minor`, types, and a function of importlib's with its code.
std::string contradiction(Memory& memory, const Interpreter& interpreter, unsigned minor);

/// What in the target's byte code speaks against the opcodes that were chosen for it; empty where
/// nothing does. All functions of importlib._bootstrap are followed, which no program does without.
std::string strange_code(Memory& memory, const Interpreter& interpreter);

}  // namespace importlock::v3
