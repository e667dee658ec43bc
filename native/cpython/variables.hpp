#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/known.hpp"
#include "cpython/locks.hpp"
#include "elf/elf_file.hpp"
#include "model/snapshot.hpp"
#include "target/target.hpp"

namespace importlock {

/// The variables of the interpreter in the target, by their names in the source of CPython 2.7 or,
/// where it says so, of 3.6.
struct Variables {
  Known<Address> import_lock;         ///< Python/import.c
  Known<Address> import_lock_thread;  ///< Python/import.c
  Known<Address> import_lock_level;   ///< Python/import.c
  Known<Address> interp_head;  ///< Python/pystate.c; 3.7 and later: _PyRuntime.interpreters.head
  Known<Address> interpreter_lock;         ///< Python/ceval.c; 3.7 and later: the GIL's own state
  Known<Address> gil_locked;               ///< Python/ceval_gil.h, of 3.6
  Known<Address> gil_cond;                 ///< Python/ceval_gil.h, of 3.6
  Known<Address> py_thread_state_current;  ///< _PyThreadState_Current, Python/pystate.c
  std::optional<FoundBy> found_by;         ///< the rung that gave import_lock
};

/// Which of the variables a version has.
enum class StaticsOf : std::uint8_t {
  v27,         ///< all but those of 3.6
  v36,         ///< all but interpreter_lock
  v37_to_311,  ///< the import lock's alone; the others are in _PyRuntime
};

/// Finds the variables of the program `file`, loaded at `bias`, but for _PyThreadState_Current. The
/// rungs in turn: the file's symbol table, that of its separate debug file, its machine code. The
/// three of the import lock come from one rung, the others each from the first that has it. What
/// the code gives must also look right in memory; what is refused, and why, goes to `problems`.
Variables find_variables(const ElfFile& file, LoadBias bias, LockKind lock_kind,
                         const Target& target, std::vector<std::string>& problems,
                         StaticsOf version = StaticsOf::v27);

}  // namespace importlock
