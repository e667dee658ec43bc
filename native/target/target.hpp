#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/architecture.hpp"
#include "model/snapshot.hpp"
#include "target/mapping.hpp"
#include "target/memory.hpp"

namespace importlock {

/// A thread of the kernel in the target.
struct NativeThread {
  Lwp lwp = 0;
  std::optional<int> gdb_thread;     ///< gdb's number, where gdb is the door
  std::optional<Lwp> namespace_lwp;  ///< its id in its own pid namespace, where that differs
  /// pthread_self(), where a register tells it: the base of fs on x86-64, that of gs on i386.
  std::optional<PthreadId> ident;
  Known<std::optional<SystemCall>> system_call;  ///< empty optional: it runs
};

/// Where the files that the target names are found on this machine. A file of another build than
/// the target's is never taken, so it does no harm to name a place too many.
struct FileLookup {
  /// Put before a path of the target, the first that has the file wins: "/proc/PID/root" for a live
  /// process, so that a container's own files are read; gdb's sysroot; "" for this machine's root.
  std::vector<std::string> roots;
  /// Of a process that lives on this machine: what the kernel holds of files that are deleted.
  std::optional<int> live_pid;
  std::string executable;                       ///< that the user gave for the target's
  std::vector<std::string> search_directories;  ///< hold files by their base names alone
  std::vector<std::string> loaded_files;        ///< that a debugger has loaded, by base name
  std::string how_to_give;  ///< how a user gives a file that is missing, one clause
  std::optional<std::string> working_directory;  ///< a link to it, for relative sources
  std::vector<std::string> debug_directories;    ///< as gdb's debug-file-directory
  std::vector<std::string> debug_files;          ///< that a debugger has already loaded
};

/// One stopped or hung process, however it is reached.
struct Target {
  TargetInfo info;
  Architecture architecture = Architecture::x86_64;
  std::unique_ptr<Memory> memory;
  std::vector<Mapping> mappings;
  std::vector<NativeThread> threads;
  bool all_threads = true;  ///< false where some may be missing from `threads`
  FileLookup files;
  std::vector<std::string> problems;  ///< what it lacks, one clause each
  /// Set for a process that runs on while it is read: reads its threads anew and forgets what
  /// memory it remembers. Empty for a target that stands still. Throws TargetError.
  std::function<void(Target&)> look_again;
  /// Set with it: whether no thread of the process has run since `threads` was read, so that all
  /// that was read since is of one moment.
  std::function<bool(const Target&)> stood_still;
};

}  // namespace importlock
