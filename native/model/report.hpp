#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/snapshot.hpp"

namespace importlock {

// What diagnose() concludes from a Snapshot. The JSON contract (docs/using.md) is this, written
// out.

enum class ImportLockState { held, free, never_used, unknown };
enum class GilState { held, free, not_created, none, unknown };  ///< none: a free-threaded build

enum class WaitKind {
  import_lock,
  module_lock,
  gil,
  join,
  lock,
  rlock,
  mutex,
  native_lock,  ///< of C code, of a kind that names no owner or is not known
  condition,
  event,
  queue,
  semaphore,
  future,
  process_lock,
  child_process,
  io,
  sleep,
  unknown,
};

/// What a blocked thread waits for.
struct Wait {
  WaitKind kind = WaitKind::unknown;
  std::string what;        ///< "import lock", "Thread-1"
  std::string name;        ///< what the program calls it, such as "self.lock"; empty: untold
  std::optional<Lwp> lwp;  ///< the thread that must act, where that can be told
  std::string because;     ///< what the thread was doing: "os.fork", "import decimal"
  std::optional<int> pid;  ///< the process that must act, where it is another
  bool timed = false;      ///< ends by itself after a time
  std::optional<double> seconds_left;  ///< of a timed one, at most
  bool looped = false;    ///< a timed one that its code may make again while it holds what it holds
  bool inferred = false;  ///< that `lwp` holds the lock shows only in a call of acquire()
  bool orphaned = false;  ///< for a lock that no living thread holds or can release
  Address lock;           ///< which lock, so that its waiters can be told apart; null: none
  std::size_t frame = 0;  ///< index in frames of the line to show for it
};

/// A lock of the program or of C code that some thread waits for.
struct LockReport {
  Address address;
  WaitKind kind = WaitKind::lock;
  std::string what;  ///< "RLock", "pthread mutex"
  std::string name;  ///< what the program calls it; empty: untold
  std::optional<Lwp> owner;
  std::string known_by;  ///< "its memory", "with block"; empty without an owner
  std::vector<Lwp> waiters;
};

/// The lock of a module that is held or waited for.
struct ModuleLockReport {
  ModuleLockFacts facts;
  std::optional<Lwp> owner;
  std::vector<Lwp> waiters;
};

/// A thread with what was concluded of it.
struct ThreadReport {
  ThreadFacts facts;
  std::vector<std::string> holds;  ///< "import lock", "GIL"
  std::optional<Wait> waits_for;   ///< empty for a thread that runs
};

enum class VerdictKind { deadlock, orphaned, stalled, importing, free, unknown };

struct Verdict {
  VerdictKind kind = VerdictKind::unknown;
  bool certain = true;     ///< false where a time-out or something outside the process may end it
  std::string lock;        ///< "import lock", "GIL", "RLock self.lock"; empty: none is involved
  std::vector<Lwp> cycle;  ///< each waits for the next, the last for the first
  std::string summary;     ///< one sentence
  std::string advice;      ///< what to change; empty where nothing needs to
  std::vector<std::string> evidence;  ///< the facts that force the verdict, one sentence each
};

struct Report {
  TargetInfo target;
  PythonInfo python;
  ImportLockFacts import_lock;
  ImportLockState import_lock_state = ImportLockState::unknown;
  std::optional<Lwp> import_lock_owner;
  std::vector<Lwp> import_lock_waiters;
  GilFacts gil;
  GilState gil_state = GilState::unknown;
  std::optional<Lwp> gil_holder;
  bool gil_stuck = false;  ///< its holder is blocked while others wait for it
  std::vector<Lwp> gil_waiters;
  std::vector<ModuleLockReport> module_locks;
  std::vector<LockReport> locks;
  std::vector<ThreadReport> threads;
  Verdict verdict;
  std::vector<std::string> problems;

  /// The exit status of the contract: 0 nothing hangs, 1 something does, 2 cannot be told.
  [[nodiscard]] int status() const;
};

}  // namespace importlock
