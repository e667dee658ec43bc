#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/snapshot.hpp"
#include "target/mapping.hpp"
#include "target/memory.hpp"

namespace importlock {

/// A thread of the kernel in the target.
struct NativeThread {
  Lwp lwp = 0;
  std::optional<int> gdb_thread;                 ///< gdb's number, where gdb is the door
  std::optional<PthreadId> ident;                ///< fs_base on x86-64, which is pthread_self()
  Known<std::optional<SystemCall>> system_call;  ///< empty optional: it runs
};

/// Where the files that the target names are found on this machine.
struct FileLookup {
  /// Put before a path of the target, the first that has the file wins: "/proc/PID/root" for a live
  /// process, so that a container's own files are read; gdb's sysroot; "" for this machine's root.
  std::vector<std::string> roots;
  std::optional<std::string> working_directory;  ///< of the target, for relative source paths
  std::vector<std::string> debug_directories;    ///< as gdb's debug-file-directory
  std::vector<std::string> debug_files;          ///< that a debugger has already loaded
};

/// One stopped or hung process, however it is reached.
struct Target {
  TargetInfo info;
  std::unique_ptr<Memory> memory;
  std::vector<Mapping> mappings;
  std::vector<NativeThread> threads;
  FileLookup files;
};

/// The system call `number` of x86-64 with its first arguments, named, and with the futex word
/// where it is a FUTEX_WAIT. `restarted` arguments are those of restart_syscall's original, as the
/// kernel leaves them in the registers.
SystemCall x86_64_system_call(long number, std::uint64_t first, std::uint64_t second);

}  // namespace importlock
