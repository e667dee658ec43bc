#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "cpython27/layout.hpp"
#include "elf/elf_file.hpp"
#include "model/snapshot.hpp"
#include "target/target.hpp"

namespace importlock {

/// The static variables of the interpreter, by their names in CPython 2.7's source.
struct Variables {
  Known<Address> import_lock;              ///< Python/import.c
  Known<Address> import_lock_thread;       ///< Python/import.c
  Known<Address> import_lock_level;        ///< Python/import.c
  Known<Address> interp_head;              ///< Python/pystate.c
  Known<Address> interpreter_lock;         ///< Python/ceval.c
  Known<Address> py_thread_state_current;  ///< _PyThreadState_Current, Python/pystate.c
};

/// The exported type objects by which objects of the target are recognised; null where missing.
struct TypeObjects {
  Address type, class_object, instance, code, frame, string, unicode, dict, integer, boolean,
      long_integer, function, method, c_function, module, tuple, list, cell;
};

/// How locks are built (Python/thread_pthread.h): on a sem_t, or on a mutex with a condition.
enum class LockKind { semaphore, mutex_and_condition };

/// The CPython 2.7 found in a target.
struct Interpreter {
  std::string image;              ///< path as the target names it
  std::unique_ptr<ElfFile> file;  ///< that file, opened on this machine
  LoadBias bias{};
  Layout layout;
  LockKind lock_kind = LockKind::semaphore;
  Variables variables;
  TypeObjects types;
  std::optional<FoundBy> found_by;  ///< the rung that gave import_lock
};

/// Finds the image that holds CPython 2.7 and the addresses of its variables. What is refused or
/// missing goes to `problems`. Throws TargetError where the target has no CPython 2.7, is of
/// another architecture, or the file of its interpreter cannot be had.
Interpreter find_interpreter(const Target& target, std::vector<std::string>& problems);

}  // namespace importlock
