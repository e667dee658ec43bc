#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cpython/interpreter.hpp"
#include "model/snapshot.hpp"
#include "target/memory.hpp"
#include "target/target.hpp"

namespace importlock {

/// What must not differ before and after a capture of a process that runs on, if the capture is to
/// show one state of it: the import lock, which threads there are, and for each that is blocked its
/// system call and its innermost frame. Threads that run, or take turns with the GIL, are free to
/// move: no conclusion rests on where they are.
struct Moment {
  /// Words of the import lock's variables and of the lock itself; 0 where unreadable.
  std::vector<std::uint64_t> import_lock;
  /// PyThreadState.thread_id to PyThreadState.frame.
  std::unordered_map<PthreadId, Address> frames;
  /// The system call of each thread; nothing where it runs.
  std::unordered_map<Lwp, std::optional<SystemCall>> threads;
};

Moment moment_of(const Target& target, Memory& memory, const Interpreter& interpreter);

/// What has moved from one to the other: `threads`, and whether the lock or the set of threads did.
struct Movement {
  bool lock = false;
  bool thread_states = false;
  std::unordered_set<Lwp> threads;
  [[nodiscard]] bool none() const { return !lock && !thread_states && threads.empty(); }
};
/// `facts` says which thread has which ident.
Movement movement(const Moment& before, const Moment& after, const std::vector<ThreadFacts>& facts);

/// The index of the thread that has the id of the import lock's owner, where its frames do not show
/// that it took the lock and it was free to move, so that they may be older or younger.
std::optional<std::size_t> owner_on_its_way(const Moment& moment, const Snapshot& snapshot);

/// For a process that never kept still: a thread that moved runs, and so does one whose import lock
/// changed hands, so that no conclusion rests on their waits. `problems` say what moved.
void mistrust(const Movement& moved, Snapshot& snapshot);

}  // namespace importlock
