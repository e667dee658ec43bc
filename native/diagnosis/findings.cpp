#include "diagnosis/findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace importlock {

namespace {

using Index = Findings::Index;

bool lies_in(const std::optional<Address>& futex, const Known<LockFacts>& lock) {
  if (!futex.has_value() || !lock.has_value() || lock->address.is_null()) return false;
  return *futex >= lock->address && *futex - lock->address < lock->size;
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
    case PythonWait::Kind::barrier: return WaitKind::barrier;
    case PythonWait::Kind::future: return WaitKind::future;
    case PythonWait::Kind::module_lock: return WaitKind::module_lock;
    case PythonWait::Kind::process_lock: return WaitKind::process_lock;
  }
  return WaitKind::unknown;
}

}  // namespace

Findings::Findings(Snapshot snapshot) : all_thread_states(snapshot.all_thread_states) {
  report.target = std::move(snapshot.target);
  report.python = std::move(snapshot.python);
  report.import_lock = snapshot.import_lock;
  report.gil = snapshot.gil;
  report.problems = std::move(snapshot.problems);
  for (auto& thread : snapshot.threads) report.threads.push_back({std::move(thread), {}, {}});
  for (Index i = 0; i < report.threads.size(); ++i) {
    const auto& facts = report.threads[i].facts;
    if (!facts.lwp) continue;
    by_lwp_.try_emplace(*facts.lwp, i);
    if (facts.ident) by_ident_.try_emplace(*facts.ident, i);
    for (const auto& held : facts.held) {
      // `try: lock.acquire()` with a `finally` behind it is no hold before the lock is had.
      const bool waits = facts.wait && facts.wait->lock == held.lock;
      if (held.shown == HeldLock::Shown::with_block || !waits)
        holders_[held.lock].push_back({i, held.shown});
    }
  }
  judge_locks();
  find_owner();
  find_taker();
  for (Index i = 0; i < report.threads.size(); ++i) find_wait(i);
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
  if (gil.lock && gil.lock->address.is_null()) {
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
  if (facts(*named).import_lock_evidence.empty() || waits_itself) {
    namesake = named;
    namesake_waits_itself = waits_itself;
    return;
  }
  owner = named;
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
    wait.lwp = report.gil_holder;
    report.gil_waiters.push_back(*facts.lwp);
  } else if (blocked && facts.python) {
    wait.kind = kind_of((*call)->name);
    wait.what = facts.call_object.empty()
                    ? (*call)->name
                    : fmt::format("{} ({})", (*call)->name, facts.call_object);
    if (facts.operation && facts.operation->text == "time.sleep") {
      wait.kind = WaitKind::sleep;
      wait.what = "time.sleep";
    }
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
  wait.frame = seen.frame;
  wait.lock = seen.lock;
  if (seen.thread) {
    if (const auto by = by_ident(*seen.thread)) wait.lwp = facts(*by).lwp;
  } else if (seen.kind == PythonWait::Kind::lock || seen.kind == PythonWait::Kind::process_lock) {
    if (const auto holder = holder_of(seen.lock, i)) wait.lwp = facts(*holder).lwp;
  }
  return wait;
}

std::optional<Index> Findings::holder_of(Address lock, Index waiter) const {
  const auto found = holders_.find(lock);
  if (found == holders_.end()) return std::nullopt;
  for (const auto shown : {HeldLock::Shown::with_block, HeldLock::Shown::finally_block}) {
    std::vector<Index> holders;
    for (const auto& [holder, how] : found->second) {
      if (how == shown) holders.push_back(holder);
    }
    if (holders.size() > 1) std::erase(holders, waiter);
    if (holders.size() == 1) return holders.front();
    if (!holders.empty()) return std::nullopt;
  }
  return std::nullopt;
}

std::string Findings::contradiction() const {
  const auto& lock = report.import_lock.lock;
  if (lock && lock->locked && !*lock->locked) {
    return "the lock itself says that it is free";
  }
  for (Index i = 0; i < report.threads.size(); ++i) {
    if (i == owner || !waits_before_import(i)) continue;
    return fmt::format("LWP {} is in {} and waits for something else", *facts(i).lwp,
                       facts(i).operation->text);
  }
  if (owner) return "";
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
    case GilState::held: return gil_holder.has_value();
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

void Findings::list_holds() {
  for (auto& thread : report.threads) {
    for (const auto& held : thread.facts.held) thread.holds.push_back(held.what);
  }
  for (Index i = 0; i < report.threads.size(); ++i) {
    const auto& waits = thread(i).waits_for;
    if (!waits || waits->kind != WaitKind::rlock || !waits->lwp) continue;
    auto& holds = thread(by_lwp_.at(*waits->lwp)).holds;
    if (std::ranges::find(holds, waits->what) == holds.end()) holds.push_back(waits->what);
  }
  if (gil_holder) thread(*gil_holder).holds.insert(thread(*gil_holder).holds.begin(), "GIL");
  if (owner) thread(*owner).holds.insert(thread(*owner).holds.begin(), "import lock");
}

void Findings::find_stuck_gil() {
  if (!gil_holder || report.gil_waiters.empty()) return;
  const auto& waits = thread(*gil_holder).waits_for;
  report.gil_stuck = waits.has_value() && waits->kind != WaitKind::gil;
}

WaitGraph Findings::graph() const {
  std::vector<WaitGraph::Node> nodes;
  for (const auto& thread : report.threads) {
    WaitGraph::Node node;
    node.needs_gil = thread.facts.python;
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
  if (wait.lwp) node.by = by_lwp_.at(*wait.lwp);
  switch (wait.kind) {
    case WaitKind::import_lock:
      // Held by nobody who lives: for ever. Free by now: its turn comes.
      node.external = !wait.lwp && report.import_lock_state != ImportLockState::held;
      break;
    case WaitKind::gil: node.external = !wait.lwp; break;
    case WaitKind::join:
    case WaitKind::module_lock:
    case WaitKind::rlock:
    case WaitKind::process_lock: node.external = !wait.lwp; break;
    case WaitKind::lock:
    case WaitKind::mutex:
    case WaitKind::native_lock: node.any = !wait.lwp; break;
    case WaitKind::condition:
    case WaitKind::event:
    case WaitKind::queue:
    case WaitKind::semaphore:
    case WaitKind::barrier:
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
}

}  // namespace importlock
