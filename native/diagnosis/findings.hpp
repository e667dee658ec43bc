#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "diagnosis/wait_graph.hpp"
#include "model/report.hpp"

namespace importlock {

/// What follows from the facts of a snapshot before any judgement: who holds what, and who waits
/// for whom. Threads are named by their index in the report.
class Findings {
 public:
  using Index = std::size_t;

  /// A lock that a thread holds while others wait for it.
  struct Contended {
    WaitKind kind{};
    std::string lock;  ///< as Verdict::lock names it
    Index holder = 0;
    std::vector<Index> waiters;
  };

  explicit Findings(Snapshot snapshot);

  [[nodiscard]] const ThreadFacts& facts(Index i) const { return report.threads[i].facts; }
  [[nodiscard]] bool waits(Index i) const { return report.threads[i].waits_for.has_value(); }
  /// The wait of a thread that waits.
  [[nodiscard]] const Wait& wait(Index i) const { return *report.threads[i].waits_for; }
  /// The living thread of that id.
  [[nodiscard]] std::optional<Index> by_ident(PthreadId ident) const;
  /// The thread that can end the wait of thread `i`, where it is one.
  [[nodiscard]] std::optional<Index> awaited(Index i) const;
  /// Where the waits of one certain thread for another end that begin with this thread's.
  [[nodiscard]] Index end_of_waits(Index i) const;
  /// The main thread of the process, which has its process id; else the first of Python's.
  [[nodiscard]] std::optional<Index> main_thread() const;
  /// Locks that are held and waited for: the import lock first, then those of modules, the GIL, and
  /// those of the program.
  [[nodiscard]] std::vector<Contended> contended() const;
  /// Which facts cannot be true together, one clause, so that one of them is damaged or of another
  /// moment; empty where none are at odds.
  [[nodiscard]] std::string contradiction() const;
  /// Which wait may be for the import lock or the GIL, whose places were not read, one clause;
  /// empty where there is none.
  [[nodiscard]] std::string unread_lock() const;
  /// What a blocked thread does but was not read, one clause; empty where all was.
  [[nodiscard]] std::string unread_thread() const;
  /// Why there may be more threads than were read, one clause; empty where there are none.
  [[nodiscard]] std::string unread_list() const;
  /// Whether it is known who holds the GIL, or that nobody does.
  [[nodiscard]] bool knows_gil() const;
  /// The thread that has the GIL of a sub-interpreter and is blocked while another waits for it.
  [[nodiscard]] std::optional<Index> stuck_in_own_gil() const;
  /// Whether a thread without an id and a thread state without a thread may be one.
  [[nodiscard]] bool has_parted_threads() const;
  /// Who can end whose wait.
  [[nodiscard]] WaitGraph graph() const;

  Report report;                    ///< all but the verdict
  std::optional<Index> owner;       ///< of the import lock
  std::optional<Index> gil_holder;  ///< while the GIL is held
  bool gil_orphaned = false;        ///< held, and by no thread of the process
  /// The living thread of the owner's id, where it does not show that it holds the lock.
  std::optional<Index> namesake;
  bool namesake_waits_itself = false;  ///< for the import lock, which no owner does
  std::vector<Index> import_waiters;
  bool all_thread_states = true;  ///< false where a thread may be there that is not listed
  bool whole_list = true;         ///< false where such a thread may have been there all the while
  bool ran_on = false;            ///< the process runs on, so that it does not hang as a whole
  bool whole_target = true;       ///< false where the target itself is damaged
  std::string newer;              ///< as Snapshot::newer says
  bool signals_interrupt_waits = false;

 private:
  [[nodiscard]] std::string contradiction_of_state() const;
  /// Whether no thread can have that id: ids are addresses in the memory of programs, and lie at
  /// multiples of one number.
  [[nodiscard]] bool is_no_id(PthreadId ident) const;
  [[nodiscard]] std::size_t python_threads() const;
  /// Whether one of the threads is in no system call, or in none that could be read.
  [[nodiscard]] bool a_thread_runs() const;
  struct Holder {
    std::optional<Index> thread;
    std::string known_by;
  };

  void judge_locks();
  void find_owner();
  /// A thread that has got the lock, but not yet the GIL back to say so (Python/import.c,
  /// _PyImport_AcquireLock): the lock is taken and its owner still -1.
  void find_taker();
  void find_orphaned_gil();
  void find_wait(Index i);
  [[nodiscard]] Wait python_wait(Index i, const PythonWait& seen) const;
  /// Whether the thread that has the id of the owner of the module lock waited for is another.
  [[nodiscard]] bool is_namesake(const PythonWait& wait) const;
  [[nodiscard]] Wait native_wait(Index i, const NativeLock& lock) const;
  /// What to call the lock that is waited for: as its waiter calls it, or, where its holder calls
  /// another lock so, as its holder does.
  [[nodiscard]] std::string name_for(const Wait& wait, Index holder) const;
  /// The one thread whose stack shows that it holds the plain lock that `waiter` waits for. A
  /// `with` block says more than a `finally`; where several threads show it, none is told.
  [[nodiscard]] Holder holder_of(Address lock, Index waiter) const;
  /// Whether a thread state that a fork left behind shows that it holds the lock, and the living
  /// thread that has its id by now does not.
  [[nodiscard]] bool is_left_behind(Address lock, Index living) const;
  /// Whether there is such a thread state, and neither of the two shows that it holds the lock.
  [[nodiscard]] bool is_ambiguous(Address lock, Index living) const;
  [[nodiscard]] bool shows(Index i, Address lock) const;
  /// The thread states without a thread that have the id of a living one.
  [[nodiscard]] std::vector<Index> left_over(Index living) const;
  /// Whether the wait's loop lies inside what the thread holds, so that the wait can be made again
  /// and again with all of it held.
  [[nodiscard]] bool is_looped(Index i, const PythonWait& seen) const;
  /// Whether the thread is blocked where one that has not got the import lock yet cannot be.
  [[nodiscard]] bool waits_before_import(Index i) const;
  void list_locks();
  void list_holds();
  void find_stuck_gil();
  /// Whether a thread may be about to enter Python for the first time: it has no thread state yet,
  /// and runs, or waits for the GIL.
  [[nodiscard]] bool a_thread_begins() const;
  void fill(WaitGraph::Node& node, const ThreadReport& thread) const;
  ThreadReport& thread(Index i) { return report.threads[i]; }

  std::unordered_map<Lwp, Index> by_lwp_;
  std::unordered_map<PthreadId, Index> by_ident_;
  /// By lock: the threads, living or left over by a fork, that show that they hold it.
  std::unordered_map<Address, std::vector<std::pair<Index, HeldLock::Shown>>> holders_;
};

}  // namespace importlock
