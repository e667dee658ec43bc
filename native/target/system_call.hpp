#pragma once

#include <cstdint>
#include <optional>

#include "base/address.hpp"
#include "base/architecture.hpp"
#include "base/known.hpp"
#include "model/snapshot.hpp"
#include "target/memory.hpp"

namespace importlock {

/// The system call `number` of `architecture`, with its arguments as the registers hold them. A
/// call that the kernel restarts through restart_syscall, as it does with a timed wait after a
/// debugger has stopped it, is told by its arguments, which are still the original's.
SystemCall system_call(Architecture architecture, long number,
                       const SystemCallArguments& arguments);

/// Registers of a stopped thread.
struct CallRegisters {
  std::int64_t number = -1;  ///< orig_rax, orig_eax or x8
  /// rax or eax; not set where it is unknown, and on AArch64, where x0 is the first argument too.
  std::optional<std::int64_t> result;
  Address counter;  ///< the program counter
  SystemCallArguments arguments{};
};

/// The system call in which a stopped thread is blocked; empty optional: in none. On x86 a call
/// that was about to return has a result, while one that is to go on has an error of the kernel's
/// own. AArch64 keeps no mark that a thread is in a call: there the instruction at or before the
/// counter is to be `svc`, or, where code cannot be read, the arguments those of a futex wait; else
/// it is missing.
Known<std::optional<SystemCall>> system_call_in_registers(Architecture architecture, Memory& memory,
                                                          const CallRegisters& registers);

}  // namespace importlock
