#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "cpython/layout.hpp"
#include "cpython/locks.hpp"
#include "cpython/variables.hpp"
#include "elf/elf_file.hpp"
#include "model/snapshot.hpp"
#include "target/target.hpp"

namespace importlock {

/// The exported type objects by which objects of the target are recognised; null where missing.
struct TypeObjects {
  Address type, class_object, instance, code, frame, string, unicode, dict, integer, boolean,
      long_integer, function, method, c_function, module, tuple, list, cell;
};

/// The CPython 2.7 found in a target.
struct Interpreter {
  std::string image;              ///< path as the target names it
  std::unique_ptr<ElfFile> file;  ///< that file, opened on this machine
  LoadBias bias{};
  Architecture architecture = Architecture::x86_64;
  Layout layout;
  LockKind lock_kind = LockKind::semaphore;
  Variables variables;
  TypeObjects types;
};

/// Finds the image that holds CPython 2.7 and the addresses of its variables. What is refused or
/// missing goes to `problems`. Throws TargetError where the target has no CPython 2.7, is of
/// another architecture, or the file of its interpreter cannot be had.
Interpreter find_interpreter(const Target& target, std::vector<std::string>& problems);

}  // namespace importlock
