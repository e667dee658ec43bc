#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cpython/image.hpp"
#include "cpython/interpreter.hpp"
#include "cpython/layouts/python3.hpp"

namespace importlock::v3 {

/// The symbols that interpreter_in() wants of the image.
std::vector<std::string_view> exported_names();

/// Whether the interpreter in `image` has been initialised: a program may map CPython twice and run
/// one.
bool is_initialised(const Target& target, const PythonImage& image);

/// The interpreter of CPython 3 that `image` holds. What is refused or missing goes to `problems`.
/// Throws TargetError where there is no table for its version, or memory does not bear that out.
Interpreter interpreter_in(PythonImage image, const Target& target,
                           std::vector<std::string>& problems);

/// The same by that table, whatever the image says of its version.
Interpreter interpreter_by(const Python3& table, PythonImage image, const Target& target,
                           std::vector<std::string>& problems);

}  // namespace importlock::v3
