#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "cpython/frames.hpp"
#include "cpython/layout.hpp"
#include "cpython/locks.hpp"
#include "cpython/names.hpp"
#include "cpython/objects.hpp"
#include "cpython/opcode_table.hpp"
#include "cpython/variables.hpp"
#include "elf/elf_file.hpp"
#include "model/snapshot.hpp"
#include "target/target.hpp"

namespace importlock {

struct Interpreter;

/// The GIL of a sub-interpreter which has its own.
struct OwnGil {
  LockFacts lock;
  std::optional<PthreadId> holder;
};

/// How a version of CPython is read: chosen once, by find_interpreter(), and handed down.
struct Version {
  std::unique_ptr<Objects> (*objects)(Memory&, const Interpreter&);
  std::unique_ptr<FrameReader> (*frames)(Objects&, const Interpreter&);
  /// As Snapshot::signals_interrupt_waits says.
  bool signals_interrupt_waits;
  /// Whether there is a GIL; not in a free-threaded build that runs without. Throws FaultError.
  bool (*has_gil)(Objects&, const Interpreter&);
  /// The GIL, and the thread that has it. Both throw FaultError, FormatError.
  LockFacts (*gil_lock)(Objects&, const Interpreter&);
  std::optional<PthreadId> (*gil_holder)(Objects&, const Interpreter&);
  /// The GIL of the interpreter with that PyInterpreterState; nothing where it has not its own.
  /// Throws FaultError.
  std::optional<OwnGil> (*own_gil)(Objects&, const Interpreter&, Address state);
};

/// The CPython found in a target.
struct Interpreter {
  const Version* version = nullptr;
  const Names* names = nullptr;
  /// What is said of a version after the newest that is read by the latter's tables; else empty.
  std::string newer;
  std::string image;              ///< path as the target names it
  std::unique_ptr<ElfFile> file;  ///< that file, opened on this machine
  LoadBias bias{};
  Architecture architecture = Architecture::x86_64;
  Layout layout;
  LockKind lock_kind = LockKind::semaphore;
  Variables variables;
  TypeObjects types;
  Address hash_secret;                   ///< _Py_HashSecret of 3.x; null where it is not known
  const OpcodeTable* opcodes = nullptr;  ///< of 3.6 and later
};

/// The address of a variable; throws FormatError where there is none.
Address require(const Known<Address>& variable);

/// One address for the exported `name`, or why there is none.
Known<Address> address_of(const SymbolsByName& symbols, LoadBias bias, std::string_view name);

/// What PyThreadState.thread_id says.
PthreadId ident_of(Objects& objects, Address thread_state);

/// The frame that a PyThreadState executes; null where it executes none.
Address innermost_frame(Objects& objects, Address thread_state);

/// Finds the image that holds CPython 2.7 and the addresses of its variables. What is refused or
/// missing goes to `problems`. Throws TargetError where the target has no CPython that is read, is
/// of another architecture, or the file of its interpreter cannot be had.
Interpreter find_interpreter(const Target& target, std::vector<std::string>& problems);

}  // namespace importlock
