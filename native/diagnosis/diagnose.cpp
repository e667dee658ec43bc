#include "diagnosis/diagnose.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace importlock {

namespace {

bool lies_in(const std::optional<Address>& futex, const Known<LockFacts>& lock) {
  return futex && lock && !lock->address.is_null() && *futex >= lock->address &&
         *futex - lock->address < lock->size;
}

std::string label(const ThreadFacts& thread) {
  const auto lwp = thread.lwp ? fmt::format("LWP {}", *thread.lwp) : std::string("no LWP");
  return thread.name.empty() ? lwp : fmt::format("{} ({})", thread.name, lwp);
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string place(const std::string& file, int line) {
  return fmt::format("{}:{}", file_name(file), line);
}

class Diagnosis {
 public:
  explicit Diagnosis(Snapshot& snapshot) {
    report_.target = std::move(snapshot.target);
    report_.python = std::move(snapshot.python);
    report_.import_lock = snapshot.import_lock;
    report_.gil = snapshot.gil;
    report_.problems = std::move(snapshot.problems);
    for (auto& thread : snapshot.threads) report_.threads.push_back({std::move(thread), {}, {}});
  }

  Report run() {
    judge_locks();
    find_owner();
    for (auto& thread : report_.threads) find_wait(thread);
    conclude();
    return std::move(report_);
  }

 private:
  ThreadReport* by_ident(PthreadId ident) {
    const auto found = std::ranges::find_if(report_.threads, [&](const ThreadReport& thread) {
      return thread.facts.ident == ident && thread.facts.lwp;
    });
    return found == report_.threads.end() ? nullptr : &*found;
  }

  ThreadReport* by_lwp(Lwp lwp) {
    const auto found = std::ranges::find_if(
        report_.threads, [&](const ThreadReport& thread) { return thread.facts.lwp == lwp; });
    return found == report_.threads.end() ? nullptr : &*found;
  }

  void judge_locks() {
    const auto& lock = report_.import_lock;
    if (lock.lock && lock.lock->address.is_null()) {
      report_.import_lock_state = ImportLockState::never_used;
    } else if (lock.owner) {
      report_.import_lock_state = *lock.owner ? ImportLockState::held : ImportLockState::free;
    }
    const auto& gil = report_.gil;
    if (gil.lock && gil.lock->address.is_null()) {
      report_.gil_state = GilState::not_created;
    } else if (gil.lock && gil.lock->locked) {
      report_.gil_state = *gil.lock->locked ? GilState::held : GilState::free;
    }
    if (report_.gil_state == GilState::held && gil.holder && *gil.holder) {
      if (auto* holder = by_ident(**gil.holder)) {
        report_.gil_holder = holder->facts.lwp;
        holder->holds.emplace_back("GIL");
      }
    }
  }

  void find_owner() {
    if (report_.import_lock_state != ImportLockState::held) return;
    owner_ = by_ident(**report_.import_lock.owner);
    if (owner_ == nullptr) return;
    // Idents are reused by pthreads: the thread of that id must show that it took the lock. The
    // owner never blocks on it either, since it may take it again (Python/import.c).
    const auto& call = owner_->facts.system_call;
    const bool waits_itself = call && *call && lies_in((*call)->futex, report_.import_lock.lock);
    if (owner_->facts.import_lock_evidence.empty() || waits_itself) {
      unproven_ = owner_;
      owner_ = nullptr;
      return;
    }
    report_.import_lock_owner = owner_->facts.lwp;
    owner_->holds.insert(owner_->holds.begin(), "import lock");
  }

  void find_wait(ThreadReport& thread) {
    const auto& facts = thread.facts;
    if (!facts.lwp) return;
    const auto& call = facts.system_call;
    const bool blocked = call && *call;
    const auto futex = blocked ? (*call)->futex : std::nullopt;
    Wait wait;
    if (facts.operation) {
      wait.because = facts.operation->text;
      wait.frame = facts.operation->frame;
    }
    if (lies_in(futex, report_.import_lock.lock)) {
      wait.kind = WaitKind::import_lock;
      wait.what = "import lock";
      wait.lwp = report_.import_lock_owner;
      report_.import_lock_waiters.push_back(*facts.lwp);
    } else if (lies_in(futex, report_.gil.lock)) {
      wait.kind = WaitKind::gil;
      wait.what = "GIL";
      wait.lwp = report_.gil_holder;
      report_.gil_waiters.push_back(*facts.lwp);
    } else if (blocked && facts.wait) {
      wait.kind = WaitKind::join;
      wait.what = facts.wait->what;
      wait.because = "Thread.join";
      wait.timed = facts.wait->timed;
      wait.frame = facts.wait->frame;
      if (facts.wait->thread) {
        if (auto* joined = by_ident(*facts.wait->thread)) wait.lwp = joined->facts.lwp;
      }
    } else if (blocked && facts.python) {
      wait.kind = kind_of((*call)->name);
      wait.what = fmt::format("system call {}", (*call)->name);
    } else {
      return;
    }
    thread.waits_for = std::move(wait);
  }

  static WaitKind kind_of(const std::string& call) {
    if (call == "wait4" || call == "waitid") return WaitKind::child_process;
    if (call == "nanosleep" || call == "clock_nanosleep" || call == "pause") return WaitKind::sleep;
    if (call == "read" || call == "write" || call == "open" || call == "openat" ||
        call == "connect" || call == "accept" || call == "accept4" || call == "recvfrom" ||
        call == "recvmsg" || call == "sendto" || call == "sendmsg" || call == "readv" ||
        call == "flock" || call == "fsync" || call == "poll" || call == "ppoll" ||
        call == "epoll_wait" || call == "epoll_pwait") {
      return WaitKind::io;
    }
    return WaitKind::unknown;
  }

  /// The threads from `first` on, each waiting for the next, as far as that goes; `closes` says
  /// whether the last waits for the first.
  std::vector<ThreadReport*> chain(ThreadReport* first, bool& closes) {
    std::vector<ThreadReport*> result;
    closes = false;
    for (auto* thread = first; thread != nullptr;) {
      if (std::ranges::find(result, thread) != result.end()) {
        closes = thread == first;
        return result;
      }
      result.push_back(thread);
      const auto& wait = thread->waits_for;
      thread = wait && wait->lwp ? by_lwp(*wait->lwp) : nullptr;
    }
    return result;
  }

  void conclude() {
    auto& verdict = report_.verdict;
    switch (report_.import_lock_state) {
      case ImportLockState::unknown:
        verdict.kind = VerdictKind::unknown;
        verdict.summary = "The state of the import lock could not be read.";
        verdict.advice =
            report_.import_lock.found_by
                ? "See the problems below."
                : "Install the debug symbols of this Python (Debian: python2.7-dbg), or "
                  "point gdb to them with 'set debug-file-directory', and run it again.";
        return;
      case ImportLockState::free:
      case ImportLockState::never_used:
        verdict.kind = VerdictKind::free;
        verdict.summary = report_.import_lock_state == ImportLockState::free
                              ? "The import lock is free; it holds nobody up."
                              : "The import lock has never been used; it holds nobody up.";
        return;
      case ImportLockState::held: break;
    }
    if (owner_ == nullptr) {
      conclude_without_owner();
      return;
    }
    bool closes = false;
    const auto cycle = chain(owner_, closes);
    if (closes && cycle.size() > 1) {
      conclude_deadlock(cycle);
    } else if (report_.import_lock_waiters.empty() || !owner_->waits_for ||
               owner_->waits_for->kind == WaitKind::gil) {
      verdict.kind = VerdictKind::importing;
      verdict.summary = fmt::format("{} holds the import lock while importing{}{}.",
                                    label(owner_->facts), module_clause(),
                                    report_.import_lock_waiters.empty()
                                        ? "; nobody waits for it"
                                        : fmt::format("; {} wait for it, and it runs", waiters()));
    } else {
      verdict.kind = VerdictKind::stalled;
      verdict.certain = false;
      verdict.summary = fmt::format("{} holds the import lock and is blocked in {} while {} wait.",
                                    label(owner_->facts), owner_->waits_for->what, waiters());
      verdict.advice = fmt::format(
          "Find out why that does not end, and move it out of the body of {}.", module());
      verdict.evidence.push_back(hold_sentence());
    }
  }

  void conclude_without_owner() {
    auto& verdict = report_.verdict;
    if (unproven_ != nullptr) {
      verdict.kind = VerdictKind::unknown;
      verdict.summary = fmt::format(
          "The import lock is held under the id of {}, but nothing on its stack took the lock.",
          label(unproven_->facts));
      report_.problems.emplace_back(
          "the owner's id may have been reused by a later thread; its stack shows no import");
      return;
    }
    const auto unmatched = std::ranges::count_if(
        report_.threads, [](const ThreadReport& thread) { return !thread.facts.ident; });
    if (report_.threads.empty() || unmatched > 0) {
      verdict.kind = VerdictKind::unknown;
      verdict.summary = "The import lock is held, but its owner could not be matched to a thread.";
      report_.problems.emplace_back("the pthread ids of the threads could not be read");
      return;
    }
    verdict.kind = VerdictKind::orphaned;
    verdict.summary = fmt::format(
        "The import lock is held by thread {}, which is not alive in this process; {} wait for "
        "ever.",
        to_hex(**report_.import_lock.owner), waiters());
    verdict.advice =
        "Only a restart helps. Look for a fork in C code without PyOS_AfterFork, or a thread that "
        "ended between imp.acquire_lock() and imp.release_lock().";
  }

  void conclude_deadlock(const std::vector<ThreadReport*>& cycle) {
    auto& verdict = report_.verdict;
    verdict.kind = VerdictKind::deadlock;
    for (const auto* thread : cycle) {
      verdict.cycle.push_back(*thread->facts.lwp);
      verdict.certain = verdict.certain && !thread->waits_for->timed;
    }
    verdict.summary = fmt::format(
        "{} holds the import lock, importing{}, and waits for {}, which {}needs the import lock{}.",
        label(owner_->facts), module_clause(), label(cycle[1]->facts),
        cycle.size() > 2 ? "through others " : "",
        cycle.back()->waits_for->because.empty()
            ? ""
            : fmt::format(" ({})", cycle.back()->waits_for->because));
    verdict.evidence.push_back(hold_sentence());
    for (const auto* thread : cycle) {
      const auto& wait = *thread->waits_for;
      std::string sentence =
          fmt::format("{} waits for {}", label(thread->facts),
                      wait.kind == WaitKind::join ? "the end of " + wait.what : "the " + wait.what);
      if (!wait.because.empty()) sentence += fmt::format(" in {}", wait.because);
      if (wait.frame < thread->facts.frames.size()) {
        const auto& frame = thread->facts.frames[wait.frame];
        sentence += fmt::format(" ({})", place(frame.file, frame.line));
      }
      verdict.evidence.push_back(sentence + ".");
    }
    for (const auto& start : owner_->facts.starts) {
      if (start.started != cycle[1]->facts.ident) continue;
      verdict.evidence.push_back(fmt::format("{} was started at {}.", label(cycle[1]->facts),
                                             place(start.file, start.line)));
      start_ = place(start.file, start.line);
    }
    const auto waits_behind = report_.import_lock_waiters.size() - 1;
    if (waits_behind > 0) {
      verdict.evidence.push_back(fmt::format("{} more thread{} wait{} behind this deadlock.",
                                             waits_behind, waits_behind == 1 ? "" : "s",
                                             waits_behind == 1 ? "s" : ""));
    }
    const auto& wait = *owner_->waits_for;
    std::string where;
    if (wait.frame < owner_->facts.frames.size()) {
      const auto& frame = owner_->facts.frames[wait.frame];
      where = place(frame.file, frame.line);
    }
    verdict.advice = fmt::format(
        "Keep the import of {} free of waits: move the lines that start the thread{} and wait for "
        "it ({}) into a function such as main(), and call it after the import has ended.",
        module(), start_.empty() ? "" : fmt::format(" ({})", start_), where);
  }

  std::string module() const {
    return owner_->facts.importing.empty() ? "the module" : owner_->facts.importing.back().name;
  }
  std::string module_clause() const {
    return owner_->facts.importing.empty() ? "" : " " + module();
  }
  std::string waiters() const {
    const auto count = report_.import_lock_waiters.size();
    return fmt::format("{} thread{}", count, count == 1 ? "" : "s");
  }
  std::string hold_sentence() const {
    std::string chain;
    for (const auto& module : owner_->facts.importing) {
      chain += (chain.empty() ? "" : " > ") + module.name;
    }
    return fmt::format("{} holds the import lock{}.", label(owner_->facts),
                       chain.empty() ? "" : fmt::format(" while it imports {}", chain));
  }

  Report report_;
  ThreadReport* owner_ = nullptr;
  ThreadReport* unproven_ = nullptr;
  std::string start_;
};

}  // namespace

Report diagnose(Snapshot snapshot) { return Diagnosis(snapshot).run(); }

}  // namespace importlock
