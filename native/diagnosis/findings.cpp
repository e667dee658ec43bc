#include "diagnosis/findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <string_view>

#include "diagnosis/phrases.hpp"

namespace importlock {

namespace {

using Index = Findings::Index;

bool lies_in(const std::optional<Address>& futex, const Known<LockFacts>& lock) {
  return futex.has_value() && lock.has_value() && lock->spans(*futex);
}

/// What a system call waits for, by its name.
WaitKind kind_of(std::string_view call) {
  constexpr std::array children{"wait4", "waitid", "waitpid"};
  constexpr std::array sleeps{"nanosleep", "clock_nanosleep", "pause"};
  constexpr std::array unknown{"futex", "futex_time64", "futex_waitv"};
  if (std::ranges::find(children, call) != children.end()) return WaitKind::child_process;
  if (std::ranges::find(sleeps, call) != sleeps.end()) return WaitKind::sleep;
  if (std::ranges::find(unknown, call) != unknown.end()) return WaitKind::unknown;
  return WaitKind::io;
}

WaitKind kind_of(PythonWait::Kind kind) {
  switch (kind) {
    case PythonWait::Kind::join: return WaitKind::join;
    case PythonWait::Kind::lock: return WaitKind::lock;
    case PythonWait::Kind::rlock: return WaitKind::rlock;
    case PythonWait::Kind::condition: return WaitKind::condition;
    case PythonWait::Kind::event: return WaitKind::event;
    case PythonWait::Kind::queue: return WaitKind::queue;
    case PythonWait::Kind::semaphore: return WaitKind::semaphore;
    case PythonWait::Kind::barrier: return WaitKind::condition;
    case PythonWait::Kind::future: return WaitKind::future;
    case PythonWait::Kind::module_lock: return WaitKind::module_lock;
    case PythonWait::Kind::process_lock: return WaitKind::process_lock;
  }
  return WaitKind::unknown;
}

/// What the wait is for in words: the kind of the C library's lock, and its name where it has one.
std::string what_of(const NativeLock& lock) {
  const auto named = [&](std::string what) {
    return lock.symbol.empty() ? what : fmt::format("{} {}", what, lock.symbol);
  };
  // sysdeps/generic/ldsodefs.h, malloc/malloc.c (glibc).
  if (lock.symbol.starts_with("_rtld_global ")) return "lock of the dynamic loader";
  if (lock.symbol.starts_with("main_arena ")) return "lock of malloc";
  switch (lock.kind) {
    case NativeLock::Kind::mutex: return named("pthread mutex");
    case NativeLock::Kind::rwlock: return named("pthread rwlock");
    case NativeLock::Kind::condition_variable: return named("condition variable of C code");
    case NativeLock::Kind::barrier: return named("pthread barrier");
    case NativeLock::Kind::once: return named("one-time initialisation in C code");
    case NativeLock::Kind::stream: return named("lock of a C stream (FILE)");
    case NativeLock::Kind::attached_thread_state: return "attached thread state";
    case NativeLock::Kind::gil: return "GIL of a sub-interpreter";
    case NativeLock::Kind::semaphore:
    case NativeLock::Kind::unknown: return named("lock of C code");
  }
  return "lock of C code";
}

bool is_mutex(NativeLock::Kind kind) {
  return kind == NativeLock::Kind::mutex || kind == NativeLock::Kind::stream;
}

std::string_view known_by(HeldLock::Shown shown) {
  switch (shown) {
    case HeldLock::Shown::with_block: return "with block";
    case HeldLock::Shown::finally_block: return "finally block";
    case HeldLock::Shown::acquire_call: return "acquire call";
  }
  return "";
}

}  // namespace

Findings::Findings(Snapshot snapshot)
    : all_thread_states(snapshot.all_thread_states && !snapshot.threads_changed),
      whole_list(snapshot.all_thread_states),
      ran_on(snapshot.ran_on),
      whole_target(snapshot.whole_target),
      newer(snapshot.newer),
      signals_interrupt_waits(snapshot.signals_interrupt_waits) {
  report.target = std::move(snapshot.target);
  report.python = std::move(snapshot.python);
  report.import_lock = snapshot.import_lock;
  report.gil = snapshot.gil;
  report.problems = std::move(snapshot.problems);
  for (auto& lock : snapshot.module_locks) report.module_locks.push_back({std::move(lock), {}, {}});
  for (auto& thread : snapshot.threads) report.threads.push_back({std::move(thread), {}, {}});
  for (Index i = 0; i < report.threads.size(); ++i) {
    const auto& facts = report.threads[i].facts;
    for (const auto& held : facts.held) {
      // Code that calls acquire() does not hold the lock before it is had.
      const bool waits = facts.lwp && facts.wait && facts.wait->lock == held.lock;
      const bool by_frame = held.shown == HeldLock::Shown::with_block;
      if (by_frame || !waits || held.frame > facts.wait->frame) {
        holders_[held.lock].push_back({i, held.shown});
      }
    }
    if (!facts.lwp) continue;
    by_lwp_.try_emplace(*facts.lwp, i);
    if (facts.ident) by_ident_.try_emplace(*facts.ident, i);
  }
  judge_locks();
  find_owner();
  find_taker();
  find_orphaned_gil();
  for (Index i = 0; i < report.threads.size(); ++i) find_wait(i);
  list_locks();
  list_holds();
  find_stuck_gil();
}

std::optional<Index> Findings::by_ident(PthreadId ident) const {
  const auto found = by_ident_.find(ident);
  return found == by_ident_.end() ? std::nullopt : std::optional(found->second);
}

void Findings::judge_locks() {
  const auto& lock = report.import_lock;
  if (lock.lock && lock.lock->address.is_null()) {
    report.import_lock_state = ImportLockState::never_used;
  } else if (lock.owner && *lock.owner) {
    report.import_lock_state = ImportLockState::held;
  } else if (lock.owner && lock.lock && lock.level) {
    // All three: import_lock_thread is -1 in the program's file as well, which is what a debugger
    // shows in the place of memory that a core lacks.
    report.import_lock_state = ImportLockState::free;
  }
  const auto& gil = report.gil;
  if (gil.none) {
    report.gil_state = GilState::none;
  } else if (gil.lock && gil.lock->address.is_null()) {
    report.gil_state = GilState::not_created;
  } else if (gil.lock && gil.lock->locked) {
    report.gil_state = *gil.lock->locked ? GilState::held : GilState::free;
  }
  if (report.gil_state == GilState::held && gil.holder && *gil.holder) {
    gil_holder = by_ident(**gil.holder);
    if (gil_holder) report.gil_holder = facts(*gil_holder).lwp;
  }
}

void Findings::find_owner() {
  if (report.import_lock_state != ImportLockState::held) return;
  const auto named = by_ident(**report.import_lock.owner);
  if (!named) return;
  // Idents are reused by pthreads: the thread of that id must show that it took the lock. The
  // owner never blocks on it either, since it may take it again (Python/import.c).
  const auto& call = facts(*named).system_call;
  const bool waits_itself = call && *call && lies_in((*call)->futex, report.import_lock.lock);
  // A thread of Python's that has no frame yet runs C code, which imports without one: site and
  // the program itself are started so (Modules/main.c, Python/pythonrun.c).
  const bool in_c = facts(*named).python && facts(*named).frames.empty() && facts(*named).whole;
  if ((facts(*named).import_lock_evidence.empty() && !in_c) || waits_itself) {
    namesake = named;
    namesake_waits_itself = waits_itself;
    return;
  }
  owner = named;
  if (facts(*named).import_lock_evidence.empty()) {
    thread(*named).facts.import_lock_evidence = "an import by C code";
  }
  // A module whose body does not run yet is being looked for, read, or initialised in C.
  auto& importing = thread(*named).facts.importing;
  const auto& operation = facts(*named).operation;
  if (operation && operation->kind == Operation::Kind::import) {
    const auto name = operation->text.substr(operation->text.find(' ') + 1);
    if (!name.empty()) importing.push_back({name, operation->frame});
  }
  report.import_lock_owner = facts(*named).lwp;
}

void Findings::find_taker() {
  const auto& lock = report.import_lock;
  if (report.import_lock_state != ImportLockState::free || !lock.lock || !lock.lock->locked ||
      !*lock.lock->locked) {
    return;
  }
  std::vector<Index> takers;
  for (Index i = 0; i < report.threads.size(); ++i) {
    const auto& operation = facts(i).operation;
    const auto& call = facts(i).system_call;
    if (operation && operation->kind != Operation::Kind::call && call && *call &&
        lies_in((*call)->futex, report.gil.lock)) {
      takers.push_back(i);
    }
  }
  if (takers.size() != 1) return;
  report.import_lock_state = ImportLockState::held;
  owner = takers.front();
  thread(*owner).facts.import_lock_evidence = facts(*owner).operation->text;
  report.import_lock_owner = facts(*owner).lwp;
}

void Findings::find_orphaned_gil() {
  if (report.gil_state != GilState::held || gil_holder || !report.gil.holder) return;
  if (!all_thread_states || has_parted_threads()) return;
  // The state of a thread that has ended, or was not forked along, stays in the list.
  const auto& holder = *report.gil.holder;
  if (holder && std::ranges::none_of(report.threads, [&](const ThreadReport& thread) {
        return thread.facts.python && thread.facts.ident == holder;
      })) {
    return;
  }
  // It is taken before its holder is written down (Python/ceval.c, PyEval_RestoreThread), or by C
  // code that enters no thread state (PyEval_AcquireLock): a thread that waits for it did not.
  const auto waits_for_gil = [&](const ThreadReport& thread) {
    const auto& call = thread.facts.system_call;
    return !thread.facts.lwp || (call && *call && lies_in((*call)->futex, report.gil.lock));
  };
  gil_orphaned = holder || std::ranges::all_of(report.threads, waits_for_gil);
}

void Findings::find_wait(Index i) {
  const auto& facts = this->facts(i);
  if (!facts.lwp) return;
  const auto& call = facts.system_call;
  const bool blocked = call && *call;
  const std::optional<Address> nowhere;
  const auto& futex = blocked ? (*call)->futex : nowhere;
  Wait wait;
  if (facts.operation) {
    wait.because = facts.operation->text;
    wait.frame = facts.operation->frame;
  }
  if (lies_in(futex, report.import_lock.lock)) {
    wait.kind = WaitKind::import_lock;
    wait.what = "import lock";
    wait.lwp = report.import_lock_owner;
    report.import_lock_waiters.push_back(*facts.lwp);
    import_waiters.push_back(i);
  } else if (facts.wait && (facts.wait->timed || (blocked && !lies_in(futex, report.gil.lock)))) {
    // A timed wait of 2.7 polls (Lib/threading.py, Condition.wait), so it is one in any state.
    wait = python_wait(i, *facts.wait);
  } else if (lies_in(futex, report.gil.lock)) {
    wait.kind = WaitKind::gil;
    wait.what = "GIL";
    // By the same thread state a thread does not wait for what it holds: it has just let go of it,
    // or is about to get it.
    if (gil_holder != i || facts.states > 1) wait.lwp = report.gil_holder;
    wait.orphaned = gil_orphaned;
    report.gil_waiters.push_back(*facts.lwp);
  } else if (futex && facts.native_lock) {
    wait = native_wait(i, *facts.native_lock);
  } else if (blocked) {
    wait.kind = kind_of((*call)->name);
    wait.what = facts.call_object.empty()
                    ? (*call)->name
                    : fmt::format("{} ({})", (*call)->name, facts.call_object);
    if (facts.operation && facts.operation->text == "time.sleep") {
      wait.kind = WaitKind::sleep;
      wait.what = "time.sleep";
    }
    wait.seconds_left = (*call)->time_out;
  } else {
    return;
  }
  thread(i).waits_for = std::move(wait);
}

Wait Findings::python_wait(Index i, const PythonWait& seen) const {
  Wait wait;
  wait.kind = kind_of(seen.kind);
  wait.what = seen.what;
  wait.name = seen.name;
  wait.because = seen.call;
  wait.timed = seen.timed;
  wait.seconds_left = seen.seconds_left;
  wait.looped = is_looped(i, seen);
  wait.frame = seen.frame;
  wait.lock = seen.lock;
  if (seen.thread) {
    const auto by = by_ident(*seen.thread);
    if (by && seen.kind == PythonWait::Kind::rlock && is_ambiguous(seen.lock, *by)) return wait;
    if (by && !is_namesake(seen) && !is_left_behind(seen.lock, *by)) {
      wait.lwp = facts(*by).lwp;
    } else {
      wait.orphaned =
          seen.kind != PythonWait::Kind::join && all_thread_states && !has_parted_threads();
    }
  } else if (seen.kind == PythonWait::Kind::lock || seen.kind == PythonWait::Kind::process_lock) {
    const auto holder = holder_of(seen.lock, i);
    if (holder.thread) {
      wait.lwp = facts(*holder.thread).lwp;
      wait.orphaned = !wait.lwp && all_thread_states && !has_parted_threads();
      wait.inferred = holder.known_by == known_by(HeldLock::Shown::acquire_call);
    }
  }
  return wait;
}

bool Findings::is_namesake(const PythonWait& wait) const {
  if (wait.kind != PythonWait::Kind::module_lock) return false;
  return std::ranges::any_of(report.module_locks, [&](const ModuleLockReport& lock) {
    return lock.facts.address == wait.lock && !lock.facts.owner_shows_it;
  });
}

Wait Findings::native_wait(Index i, const NativeLock& lock) const {
  const auto& facts = this->facts(i);
  Wait wait;
  wait.kind = is_mutex(lock.kind) ? WaitKind::mutex : WaitKind::native_lock;
  wait.what = what_of(lock);
  wait.lock = lock.address;
  // These are asked for some milliseconds at a time, for ever.
  const bool asks_again = lock.kind == NativeLock::Kind::attached_thread_state ||
                          (lock.kind == NativeLock::Kind::gil && lock.owner);
  if (!asks_again) {
    wait.timed = (*facts.system_call)->timed;
    wait.seconds_left = (*facts.system_call)->time_out;
  }
  if (facts.operation) {
    wait.because = facts.operation->text;
    wait.frame = facts.operation->frame;
  }
  if (lock.owner && lock.owner_lives && by_lwp_.contains(*lock.owner)) wait.lwp = lock.owner;
  wait.orphaned = lock.owner && !lock.owner_lives && !lock.shared && all_thread_states;
  return wait;
}

bool Findings::is_looped(Index i, const PythonWait& seen) const {
  if (!seen.timed || !seen.loop) return false;
  const auto& facts = this->facts(i);
  if (owner == i && !facts.importing.empty() && *seen.loop > facts.importing.front().frame) {
    return false;
  }
  return std::ranges::all_of(facts.held, [&](const HeldLock& held) {
    return *seen.loop < held.frame || (*seen.loop == held.frame && seen.loop_line > held.line);
  });
}

Findings::Holder Findings::holder_of(Address lock, Index waiter) const {
  const auto found = holders_.find(lock);
  if (found == holders_.end() || lock.is_null()) return {};
  std::map<Index, HeldLock::Shown> holders;  // and the best that each shows
  for (const auto& [holder, shown] : found->second) {
    const auto [entry, fresh] = holders.try_emplace(holder, shown);
    if (!fresh) entry->second = std::min(entry->second, shown);
  }
  if (holders.size() > 1) holders.erase(waiter);
  if (holders.size() != 1) return {};
  const auto& [holder, shown] = *holders.begin();
  return {holder, std::string(known_by(shown))};
}

bool Findings::shows(Index i, Address lock) const {
  const auto found = holders_.find(lock);
  return !lock.is_null() && found != holders_.end() &&
         std::ranges::any_of(found->second, [&](const auto& entry) { return entry.first == i; });
}

std::vector<Index> Findings::left_over(Index living) const {
  std::vector<Index> found;
  for (Index i = 0; i < report.threads.size(); ++i) {
    if (!facts(i).lwp && facts(i).ident == facts(living).ident) found.push_back(i);
  }
  return found;
}

bool Findings::is_left_behind(Address lock, Index living) const {
  return !shows(living, lock) &&
         std::ranges::any_of(left_over(living), [&](Index i) { return shows(i, lock); });
}

bool Findings::is_ambiguous(Address lock, Index living) const {
  const auto gone = left_over(living);
  return !gone.empty() && !shows(living, lock) &&
         std::ranges::none_of(gone, [&](Index i) { return shows(i, lock); });
}

std::optional<Index> Findings::awaited(Index i) const {
  if (!waits(i) || !wait(i).lwp) return std::nullopt;
  const auto found = by_lwp_.find(*wait(i).lwp);
  return found == by_lwp_.end() ? std::nullopt : std::optional(found->second);
}

Index Findings::end_of_waits(Index i) const {
  for (std::size_t steps = 0; steps < report.threads.size(); ++steps) {
    const auto next = awaited(i);
    if (!next || wait(i).kind == WaitKind::gil) break;
    i = *next;
  }
  return i;
}

std::optional<Index> Findings::main_thread() const {
  std::optional<Index> first;
  for (Index i = 0; i < report.threads.size(); ++i) {
    if (!facts(i).lwp || !facts(i).python) continue;
    if (facts(i).lwp == report.target.pid) return i;
    if (!first) first = i;
  }
  return first;
}

std::vector<Findings::Contended> Findings::contended() const {
  std::vector<Contended> result;
  if (owner && !import_waiters.empty()) {
    result.push_back({WaitKind::import_lock, "import lock", *owner, import_waiters});
  }
  std::unordered_map<Address, Index> places;
  for (const auto kind : {WaitKind::module_lock, WaitKind::gil, WaitKind::lock}) {
    for (Index i = 0; i < report.threads.size(); ++i) {
      const auto holder = awaited(i);
      if (!holder) continue;
      const auto& wait = this->wait(i);
      if (kind == WaitKind::lock ? !is_program_lock(wait) : wait.kind != kind) continue;
      const auto [place, fresh] = places.try_emplace(wait.lock, result.size());
      if (fresh) result.push_back({wait.kind, name_for(wait, *holder), *holder, {}});
      result[place->second].waiters.push_back(i);
    }
  }
  return result;
}

std::string Findings::name_for(const Wait& wait, Index holder) const {
  auto name = name_of_lock(wait);
  const bool clashes = waits(holder) && this->wait(holder).lock != wait.lock &&
                       name_of_lock(this->wait(holder)) == name;
  const auto& held = facts(holder).held;
  const auto own = std::ranges::find(held, wait.lock, &HeldLock::lock);
  if (!clashes || own == held.end() || own->name.empty()) return name;
  return own->what + " " + own->name;
}

std::string Findings::contradiction() const {
  if (auto found = contradiction_of_state(); !found.empty()) return found;
  if (report.import_lock_state != ImportLockState::held) return "";
  for (Index i = 0; i < report.threads.size(); ++i) {
    if (i == owner || !waits_before_import(i)) continue;
    return fmt::format("LWP {} is in {} and waits for something else", *facts(i).lwp,
                       facts(i).operation->text);
  }
  if (owner || !report.import_lock.owner || !*report.import_lock.owner) return "";
  // The body of a module runs in the thread that holds the lock alone (Python/import.c).
  for (const auto& thread : report.threads) {
    const auto& facts = thread.facts;
    const bool keeps = facts.import_lock_evidence == "imp.acquire_lock";
    if (!facts.lwp || (facts.importing.empty() && !keeps) || !facts.ident) continue;
    if (*facts.ident == **report.import_lock.owner) continue;
    return fmt::format("LWP {} {} under another id than the owner's", *facts.lwp,
                       keeps ? "has called imp.acquire_lock" : "is importing");
  }
  return "";
}

std::string Findings::contradiction_of_state() const {
  const auto& lock = report.import_lock;
  const auto& gil = report.gil;
  for (const auto* const id : {&lock.owner, &gil.holder}) {
    if (*id && **id && is_no_id(***id)) {
      return fmt::format("a lock has the owner {}, which can be no thread's id", to_hex(***id));
    }
  }
  if (const auto number = python_threads(); number > 1) {
    // Python/import.c, Python/ceval.c: the first import and the second thread make them.
    if (report.import_lock_state == ImportLockState::never_used) {
      return fmt::format("the import lock was never used, but there are {} threads", number);
    }
    if (report.gil_state == GilState::not_created) {
      return fmt::format("the GIL was never created, but there are {} threads", number);
    }
  }
  // A thread that runs may be about to set the next of these (Python/import.c,
  // _PyImport_AcquireLock and _PyImport_ReleaseLock; Python/ceval.c, PyEval_RestoreThread).
  if (a_thread_runs()) return "";
  if (report.gil_state == GilState::free && gil.holder && *gil.holder) {
    return "the GIL is free, but has a holder";
  }
  if (report.gil_state == GilState::free && !report.gil_waiters.empty()) {
    return fmt::format("the GIL is free, but LWP {} waits for it", report.gil_waiters.front());
  }
  if (gil_orphaned && !*gil.holder) return "the GIL is taken, but no thread state has it";
  // With one thread state a thread has the GIL or waits for it.
  if (gil_holder && waits(*gil_holder) && wait(*gil_holder).kind == WaitKind::gil &&
      !wait(*gil_holder).lwp && !(*facts(*gil_holder).system_call)->timed) {
    return fmt::format("LWP {} waits for the GIL, which it holds", *facts(*gil_holder).lwp);
  }
  const bool held = report.import_lock_state == ImportLockState::held;
  if (!held && report.import_lock_state != ImportLockState::free) return "";
  const bool taken = lock.owner && *lock.owner;
  if (lock.level && (*lock.level > 0) != taken) {
    return fmt::format("the lock is {} at level {}", taken ? "held" : "free", *lock.level);
  }
  if (!lock.lock || !lock.lock->locked) return "";
  if (!held && !*lock.lock->locked && !report.import_lock_waiters.empty()) {
    return fmt::format("the import lock is free, but LWP {} waits for it",
                       report.import_lock_waiters.front());
  }
  if (*lock.lock->locked == held) return "";
  if (held) return "the lock itself says that it is free";
  const auto may_have_taken_it = [&](const ThreadReport& thread) {
    const auto& operation = thread.facts.operation;
    return thread.waits_for && thread.waits_for->kind == WaitKind::gil && operation &&
           operation->kind != Operation::Kind::call;
  };
  return std::ranges::any_of(report.threads, may_have_taken_it)
             ? ""
             : "the lock itself says that it is taken";
}

bool Findings::is_no_id(PthreadId ident) const {
  constexpr std::uint64_t end_of_programs = std::uint64_t{1} << 48;
  // glibc aligns a thread's block to 64 bytes (sysdeps/x86_64/nptl/tls.h, TCB_ALIGNMENT).
  constexpr int most_zeros = 6;
  std::uint64_t used = 0;
  for (const auto& thread : report.threads) {
    if (thread.facts.lwp && thread.facts.ident) {
      used |= static_cast<std::uint64_t>(*thread.facts.ident);
    }
  }
  const auto number = static_cast<std::uint64_t>(ident);
  const bool aligned =
      used == 0 || std::countr_zero(number) >= std::min(std::countr_zero(used), most_zeros);
  return number == 0 || number >= end_of_programs || !aligned;
}

std::size_t Findings::python_threads() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      report.threads,
      [](const ThreadReport& thread) { return thread.facts.lwp && thread.facts.python; }));
}

bool Findings::a_thread_runs() const {
  return std::ranges::any_of(report.threads, [](const ThreadReport& thread) {
    return thread.facts.lwp && (!thread.facts.system_call || !*thread.facts.system_call);
  });
}

std::string Findings::unread_lock() const {
  if (report.gil.lock && report.import_lock.lock) return "";
  const auto unexplained = std::ranges::find_if(report.threads, [](const ThreadReport& thread) {
    return thread.waits_for && thread.waits_for->kind == WaitKind::native_lock;
  });
  if (unexplained == report.threads.end()) return "";
  return fmt::format("which lock LWP {} waits for could not be read", *unexplained->facts.lwp);
}

std::string Findings::unread_thread() const {
  for (const auto& thread : report.threads) {
    const auto& facts = thread.facts;
    if (!facts.lwp) continue;
    if (!facts.system_call) return "the system calls of some threads could not be read";
    if (*facts.system_call && !facts.whole) {
      return fmt::format("what LWP {} does could not be read whole", *facts.lwp);
    }
    const auto& wait = facts.wait;
    const auto holder = wait && wait->kind == PythonWait::Kind::rlock && wait->thread
                            ? by_ident(*wait->thread)
                            : std::nullopt;
    if (holder && is_ambiguous(wait->lock, *holder)) {
      return fmt::format("who holds the RLock that LWP {} waits for cannot be told", *facts.lwp);
    }
  }
  return "";
}

std::string Findings::unread_list() const {
  if (!main_thread()) return "no thread of Python is listed";
  if (!report.gil_waiters.empty() && !knows_gil() && !a_thread_runs()) {
    return "who holds the GIL could not be read";
  }
  // A thread that begins or ends has no id yet, or no state any more.
  if (!a_thread_runs() && has_parted_threads()) {
    return "the pthread ids of some threads could not be read";
  }
  if (!whole_target) return "not all of the process could be read";
  return whole_list ? "" : "the list of threads could not be read whole";
}

bool Findings::has_parted_threads() const {
  const auto any = [&](auto holds) {
    return std::ranges::any_of(report.threads,
                               [&](const ThreadReport& thread) { return holds(thread.facts); });
  };
  return any([](const ThreadFacts& facts) { return facts.lwp && !facts.ident; }) &&
         any([](const ThreadFacts& facts) { return !facts.lwp && facts.python; });
}

bool Findings::knows_gil() const {
  switch (report.gil_state) {
    case GilState::unknown: return false;
    case GilState::not_created:
    case GilState::none: return true;
    // It is taken before its holder is written down, and kept for as long after (Python/ceval.c).
    case GilState::held:
      return gil_holder || (report.gil.holder && !*report.gil.holder && a_thread_runs());
    case GilState::free: return report.gil.holder && !*report.gil.holder;
  }
  return false;
}

bool Findings::waits_before_import(Index i) const {
  const auto& thread = facts(i);
  const auto& call = thread.system_call;
  if (!thread.lwp || !thread.operation || !thread.operation->locks_first || !call || !*call) {
    return false;
  }
  const auto& gil = report.gil.lock;
  return gil && !lies_in((*call)->futex, gil) && !lies_in((*call)->futex, report.import_lock.lock);
}

void Findings::list_locks() {
  for (auto& lock : report.module_locks) {
    if (lock.facts.owner && lock.facts.owner_shows_it) {
      if (const auto by = by_ident(*lock.facts.owner)) lock.owner = facts(*by).lwp;
    }
  }
  std::unordered_map<Address, Index> places;
  for (Index i = 0; i < report.threads.size(); ++i) {
    if (!waits(i)) continue;
    const auto& wait = this->wait(i);
    if (wait.kind == WaitKind::module_lock) {
      const auto at = [](const ModuleLockReport& lock) { return lock.facts.address; };
      const auto lock = std::ranges::find(report.module_locks, wait.lock, at);
      if (lock != report.module_locks.end()) lock->waiters.push_back(*facts(i).lwp);
    }
    if (!is_program_lock(wait) || wait.lock.is_null()) continue;
    const auto [place, fresh] = places.try_emplace(wait.lock, report.locks.size());
    if (fresh) {
      LockReport lock{wait.lock, wait.kind, wait.what, wait.name, wait.lwp, "", {}};
      const bool by_frames = wait.kind == WaitKind::lock || wait.kind == WaitKind::process_lock;
      if (wait.lwp) lock.known_by = by_frames ? holder_of(wait.lock, i).known_by : "its memory";
      report.locks.push_back(std::move(lock));
    }
    report.locks[place->second].waiters.push_back(*facts(i).lwp);
  }
}

void Findings::list_holds() {
  for (auto& thread : report.threads) {
    for (const auto& held : thread.facts.held) thread.holds.push_back(held.what);
  }
  for (Index i = 0; i < report.threads.size(); ++i) {
    const auto by = awaited(i);
    const bool by_memory =
        by && (wait(i).kind == WaitKind::rlock || wait(i).kind == WaitKind::mutex ||
               wait(i).kind == WaitKind::native_lock);
    if (!by_memory) continue;
    auto& holds = thread(*by).holds;
    const auto& what = wait(i).what;
    if (std::ranges::find(holds, what) == holds.end()) holds.push_back(what);
  }
  for (const auto& lock : report.module_locks) {
    if (!lock.owner) continue;
    auto& holds = thread(by_lwp_.at(*lock.owner)).holds;
    holds.insert(holds.begin(), "module lock of " + lock.facts.module);
  }
  if (gil_holder) thread(*gil_holder).holds.insert(thread(*gil_holder).holds.begin(), "GIL");
  if (owner) thread(*owner).holds.insert(thread(*owner).holds.begin(), "import lock");
}

void Findings::find_stuck_gil() {
  if (!gil_holder || report.gil_waiters.empty()) return;
  const auto& waits = thread(*gil_holder).waits_for;
  report.gil_stuck = waits.has_value() && waits->kind != WaitKind::gil;
}

std::optional<Index> Findings::stuck_in_own_gil() const {
  for (Index i = 0; i < report.threads.size(); ++i) {
    const auto& lock = facts(i).native_lock;
    const auto holder = lock && lock->kind == NativeLock::Kind::gil ? awaited(i) : std::nullopt;
    if (holder && waits(*holder)) return holder;
  }
  return std::nullopt;
}

WaitGraph Findings::graph() const {
  std::vector<WaitGraph::Node> nodes;
  for (const auto& thread : report.threads) {
    WaitGraph::Node node;
    node.needs_gil = thread.facts.python && !thread.facts.own_gil;
    node.idle = thread.facts.housekeeping;
    if (!thread.facts.lwp) {
      node.blocked = true;  // its thread state outlived it
    } else if (thread.waits_for) {
      fill(node, thread);
    }
    nodes.push_back(node);
  }
  return {std::move(nodes), gil_holder};
}

bool Findings::a_thread_begins() const {
  return std::ranges::any_of(report.threads, [&](const ThreadReport& thread) {
    const auto& facts = thread.facts;
    if (facts.python || !facts.lwp || !facts.system_call) return false;
    const auto& call = *facts.system_call;
    if (!call) return true;
    return call->futex ? lies_in(call->futex, report.gil.lock)
                       : kind_of(call->name) == WaitKind::unknown;
  });
}

void Findings::fill(WaitGraph::Node& node, const ThreadReport& thread) const {
  const auto& wait = *thread.waits_for;
  node.blocked = true;
  node.timed = wait.timed;
  node.looped = wait.looped;
  node.inferred = wait.inferred;
  if (const auto by = wait.lwp ? by_lwp_.find(*wait.lwp) : by_lwp_.end(); by != by_lwp_.end()) {
    node.by = by->second;
  }
  switch (wait.kind) {
    case WaitKind::import_lock:
      // Held by nobody who lives: for ever. Free by now: its turn comes.
      node.external = !wait.lwp && report.import_lock_state != ImportLockState::held;
      break;
    case WaitKind::gil:
    case WaitKind::join:
    case WaitKind::module_lock:
    case WaitKind::rlock:
    case WaitKind::process_lock: node.external = !wait.lwp; break;
    case WaitKind::lock: node.any = !wait.lwp; break;
    case WaitKind::mutex:
    case WaitKind::native_lock:
      node.any = !wait.lwp;
      node.external = !wait.lwp && thread.facts.native_lock && thread.facts.native_lock->shared;
      break;
    case WaitKind::condition:
    case WaitKind::event:
    case WaitKind::queue:
    case WaitKind::semaphore:
    case WaitKind::future: node.any = true; break;
    case WaitKind::child_process:
    case WaitKind::io:
    case WaitKind::sleep:
    case WaitKind::unknown: node.external = true; break;
  }
  // Thread.start waits for the new thread to say that it runs (Lib/threading.py), which it does
  // after it has got its thread state (Modules/threadmodule.c, t_bootstrap).
  if (wait.kind == WaitKind::event && wait.because == "Thread.start" && a_thread_begins()) {
    node.external = true;
  }
  if (node.external) node.by.reset();
  // Nobody is left who could end it.
  if (wait.orphaned) node.external = node.any = false;
}

}  // namespace importlock
