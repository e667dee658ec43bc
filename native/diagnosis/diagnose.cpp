#include "diagnosis/diagnose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "diagnosis/findings.hpp"
#include "diagnosis/phrases.hpp"
#include "diagnosis/wording.hpp"

namespace importlock {

namespace {

using Index = Findings::Index;
using TimeOuts = WaitGraph::TimeOuts;

/// Whether the thread is in C code that could have imported without a trace in Python's frames.
bool may_import(const ThreadFacts& thread) {
  constexpr std::array<std::string_view, 4> modules{"posix.", "select.", "thread.", "time.sleep"};
  return thread.operation && thread.operation->kind == Operation::Kind::call && !thread.wait &&
         std::ranges::none_of(modules, [&](std::string_view module) {
           return thread.operation->text.starts_with(module);
         });
}

/// Draws the verdict from the findings.
class Judgement {
 public:
  explicit Judgement(Snapshot snapshot)
      : found_(std::move(snapshot)), words_(found_), report_(found_.report) {}

  Report run() {
    conclude();
    return std::move(report_);
  }

 private:
  void conclude() {
    switch (report_.import_lock_state) {
      case ImportLockState::unknown: conclude_unknown(); return;
      case ImportLockState::free:
      case ImportLockState::never_used: conclude_free(); return;
      case ImportLockState::held: break;
    }
    if (found_.owner) {
      conclude_with_owner();
    } else {
      conclude_without_owner();
    }
  }

  void conclude_unknown() {
    auto& verdict = report_.verdict;
    verdict.kind = VerdictKind::unknown;
    verdict.summary = "The state of the import lock could not be read.";
    verdict.advice = report_.import_lock.found_by
                         ? "See the problems below."
                         : "Install the debug symbols of this Python (Debian: python2.7-dbg), or "
                           "point gdb to them with 'set debug-file-directory', and run it again.";
  }

  /// Locks that no living thread can release: a fork leaves them behind in the child.
  void add_abandoned_locks() {
    for (const auto& thread : report_.threads) {
      const auto& seen = thread.facts.wait;
      if (!thread.waits_for || thread.waits_for->kind != WaitKind::rlock || !seen ||
          !seen->thread || found_.by_ident(*seen->thread)) {
        continue;
      }
      report_.verdict.evidence.push_back(fmt::format(
          "{}, which no living thread holds: its holder has ended, or was not forked along.",
          wait_sentence(thread)));
    }
  }

  void conclude_free() {
    auto& verdict = report_.verdict;
    if (report_.import_lock_state == ImportLockState::never_used) {
      // Python/import.c, _PyImport_AcquireLock: the first import makes it.
      const auto user = std::ranges::find_if(report_.threads, [](const ThreadReport& thread) {
        return thread.facts.lwp && !thread.facts.importing.empty();
      });
      if (report_.import_lock.owner && *report_.import_lock.owner) {
        verdict.summary = "The import lock is said never to have been used, but it has an owner.";
        verdict.advice = "See the problems below.";
        report_.problems.emplace_back("import_lock is null though import_lock_thread is set");
        return;
      }
      if (!report_.problems.empty()) {
        verdict.summary =
            "The import lock is said never to have been used, but not all could be read.";
        verdict.advice = "See the problems below.";
        return;
      }
      if (user != report_.threads.end()) {
        verdict.summary = fmt::format(
            "The import lock is said never to have been used, but {} "
            "is importing.",
            label(user->facts));
        verdict.advice = "See the problems below.";
        report_.problems.emplace_back("import_lock is null while a module is imported");
        return;
      }
    }
    verdict.kind = VerdictKind::free;
    const std::string start = report_.import_lock_state == ImportLockState::free
                                  ? "The import lock is free"
                                  : "The import lock has never been used";
    const auto cycles = found_.graph().certain_cycles();
    if (!cycles.empty()) {
      set_cycle(cycles.front());
      verdict.summary = fmt::format("{}, but {}.", start, words_.cycle_clause(cycles.front()));
      add_cycle_evidence(cycles.front());
      for (Index i = 1; i < cycles.size(); ++i) {
        verdict.evidence.push_back(fmt::format("Also, {}.", words_.cycle_clause(cycles[i])));
      }
      verdict.advice = words_.advice_for_cycle_without_import(cycles.front());
    } else if (report_.gil_stuck) {
      verdict.summary = fmt::format("{}, but {}.", start, words_.stuck_gil_clause());
      verdict.advice = words_.stuck_gil_advice();
    } else {
      verdict.summary = start + "; it holds nobody up.";
    }
    add_abandoned_locks();
  }

  void conclude_with_owner() {
    const auto graph = found_.graph();
    const auto patient = graph.can_progress(TimeOuts::are_ignored_on_the_path, false, found_.owner);
    if (!patient[*found_.owner] && !found_.import_waiters.empty()) {
      auto cycle = graph.cycle_through(*found_.owner, patient, suspects());
      if (cycle.empty()) cycle = graph.cycle_behind(*found_.owner);
      const auto any_ends = [&](Index i) { return graph.nodes()[i].any; };
      const bool all = found_.all_thread_states && !found_.has_parted_threads();
      if (!all && std::ranges::any_of(cycle, any_ends)) {
        conclude_doubtful("a thread that could end its wait may not have been read");
        return;
      }
      if (!cycle.empty()) {
        report_.verdict.certain =
            !graph.can_progress(TimeOuts::end_the_wait, true, found_.owner)[*found_.owner];
        conclude_deadlock(cycle);
        return;
      }
    }
    const auto cycles = graph.certain_cycles();
    const auto own = std::ranges::find_if(cycles, [&](const auto& cycle) {
      return std::ranges::find(cycle, *found_.owner) != cycle.end();
    });
    if (own != cycles.end()) {
      auto cycle = *own;
      std::rotate(cycle.begin(), std::ranges::find(cycle, *found_.owner), cycle.end());
      report_.verdict.certain =
          std::ranges::none_of(cycle, [&](Index i) { return found_.wait(i).timed; });
      conclude_deadlock(cycle);
      return;
    }
    if (const auto doubt = this->doubt(); !doubt.empty()) {
      conclude_doubtful(doubt);
      return;
    }
    const auto& waits = report_.threads.at(*found_.owner).waits_for;
    const bool others_wait =
        !found_.import_waiters.empty() || (report_.gil_stuck && is_stuck_in_gil());
    const bool runs = !waits || (waits->kind == WaitKind::gil && !report_.gil_stuck);
    if (others_wait && !runs) {
      conclude_stalled(patient);
    } else {
      conclude_importing();
    }
    for (const auto& cycle : cycles) {
      report_.verdict.evidence.push_back(
          fmt::format("Apart from the import lock, {}.", words_.cycle_clause(cycle)));
    }
    add_abandoned_locks();
  }

  void conclude_doubtful(const std::string& doubt) {
    auto& verdict = report_.verdict;
    verdict.kind = VerdictKind::unknown;
    verdict.summary =
        fmt::format("{} holds the import lock{}, but {}.", label(found_.facts(*found_.owner)),
                    words_.while_importing(), doubt);
    verdict.advice = "See the problems below.";
    if (report_.problems.empty()) report_.problems.push_back(doubt);
  }

  /// What was not read but could show a deadlock; empty where nothing could.
  [[nodiscard]] std::string doubt() const {
    if (!report_.import_lock.lock) return "who waits for it cannot be told";
    if (auto contradiction = found_.contradiction(); !contradiction.empty()) return contradiction;
    const auto& calls = report_.threads;
    if (std::ranges::any_of(calls, [](const ThreadReport& thread) {
          return thread.facts.lwp && !thread.facts.system_call;
        })) {
      return "the system calls of some threads could not be read";
    }
    if (!thread_waits_inside(*found_.owner)) return "";
    if (!found_.knows_gil()) return "who holds the GIL could not be read";
    if (found_.has_parted_threads()) {
      return "the pthread ids of some threads could not be read";
    }
    if (!found_.all_thread_states) return "the list of threads could not be read whole";
    if (found_.import_waiters.empty()) return "";
    const bool whole =
        found_.all_thread_states && std::ranges::all_of(calls, [](const auto& thread) {
          return !thread.facts.lwp || thread.facts.whole;
        });
    return whole ? "" : "whom it waits for could not be read whole";
  }

  /// Whether the thread waits for something of this process, as far as can be told.
  [[nodiscard]] bool thread_waits_inside(Index i) const {
    const auto& waits = report_.threads[i].waits_for;
    if (!waits) return false;
    switch (waits->kind) {
      case WaitKind::io:
      case WaitKind::child_process:
      case WaitKind::sleep: return !found_.facts(i).whole;
      default: return true;
    }
  }

  [[nodiscard]] bool is_stuck_in_gil() const {
    return found_.gil_holder == found_.owner || found_.wait(*found_.owner).kind == WaitKind::gil;
  }

  /// Those that wait for the import lock, those first whom the owner started.
  [[nodiscard]] std::vector<Index> suspects() const {
    auto order = found_.import_waiters;
    std::stable_partition(order.begin(), order.end(),
                          [&](Index i) { return words_.start_of(i) != nullptr; });
    return order;
  }

  void set_cycle(const std::vector<Index>& cycle) {
    for (const auto i : cycle) report_.verdict.cycle.push_back(*found_.facts(i).lwp);
  }

  void add_cycle_evidence(const std::vector<Index>& cycle) {
    for (const auto i : cycle) {
      report_.verdict.evidence.push_back(wait_sentence(report_.threads.at(i)) +
                                         words_.held_clause(i) + ".");
    }
  }

  void conclude_deadlock(const std::vector<Index>& cycle) {
    auto& verdict = report_.verdict;
    verdict.kind = VerdictKind::deadlock;
    set_cycle(cycle);
    verdict.evidence.push_back(words_.hold_sentence());
    const bool behind = cycle.front() != *found_.owner;
    if (behind) verdict.evidence.push_back(wait_sentence(report_.threads.at(*found_.owner)) + ".");
    add_cycle_evidence(cycle);
    verdict.summary = fmt::format("{} holds the import lock{}", label(found_.facts(*found_.owner)),
                                  words_.importing());
    if (behind) {
      verdict.summary +=
          fmt::format(" and waits for {}, while {}.", phrase(found_.wait(*found_.owner)),
                      words_.cycle_clause(cycle));
    } else if (cycle.size() == 1) {
      verdict.summary += fmt::format(" and waits for {} that it holds itself.",
                                     phrase(found_.wait(*found_.owner)));
    } else {
      verdict.summary += " and waits for " + words_.chain_clause(cycle) + ".";
    }
    std::string start;
    for (const auto i : cycle) {
      if (i == *found_.owner) continue;
      if (const auto* found = words_.start_of(i)) {
        const auto at = place(found->file, found->line);
        verdict.evidence.push_back(
            fmt::format("{} was started at {}.", label(found_.facts(i)), at));
        if (start.empty()) start = at;
      }
    }
    const auto in_cycle = std::ranges::count_if(
        found_.import_waiters, [&](Index i) { return std::ranges::find(cycle, i) != cycle.end(); });
    const auto behind_it = found_.import_waiters.size() - static_cast<Index>(in_cycle);
    if (behind_it > 0) {
      verdict.evidence.push_back(fmt::format("{} more {} for the import lock behind them.",
                                             behind_it,
                                             behind_it == 1 ? "thread waits" : "threads wait"));
    }
    if (!verdict.certain) verdict.evidence.push_back(words_.uncertainty(cycle));
    verdict.advice =
        behind ? words_.advice_for_cycle_without_import(cycle) : words_.advice(cycle, start);
  }

  void conclude_stalled(const std::vector<bool>& progress) {
    auto& verdict = report_.verdict;
    verdict.kind = VerdictKind::stalled;
    verdict.certain = false;
    const auto& waits = found_.wait(*found_.owner);
    verdict.evidence.push_back(words_.hold_sentence());
    verdict.evidence.push_back(wait_sentence(report_.threads.at(*found_.owner)) + ".");
    if (report_.gil_stuck) {
      verdict.summary = fmt::format("{} holds the import lock{}, and the GIL is the cause: {}.",
                                    label(found_.facts(*found_.owner)), words_.while_importing(),
                                    words_.stuck_gil_clause());
      if (found_.gil_holder != found_.owner) {
        verdict.evidence.push_back(wait_sentence(report_.threads.at(*found_.gil_holder)) + ".");
      }
      verdict.evidence.push_back(
          fmt::format("{} for the GIL, {} for the import lock.",
                      count(report_.gil_waiters.size(), "thread") +
                          (report_.gil_waiters.size() == 1 ? " waits" : " wait"),
                      found_.import_waiters.size()));
      verdict.advice = words_.stuck_gil_advice();
      return;
    }
    verdict.summary = fmt::format("{} holds the import lock{} and {} while {} for the import lock.",
                                  label(found_.facts(*found_.owner)), words_.importing(),
                                  waits_clause(waits), words_.waiters());
    const auto where = own_place_of(found_.facts(*found_.owner), waits.frame);
    const auto at = where.empty() ? "" : fmt::format(" ({})", where);
    if (found_.facts(*found_.owner).importing.empty()) {
      verdict.advice =
          fmt::format("Give the import lock back (imp.release_lock) before this{}, not after it.",
                      at.empty() ? "" : " is done" + at);
      return;
    }
    switch (waits.kind) {
      case WaitKind::child_process:
        verdict.advice = fmt::format(
            "Find out why the child process does not end (is it a Python 2.7 too? look at it in "
            "the same way), and move the wait for it out of the body of {}{}.",
            words_.module(), at);
        break;
      case WaitKind::lock:
      case WaitKind::condition:
      case WaitKind::event:
      case WaitKind::queue:
      case WaitKind::semaphore:
        if (const auto who = words_.who_could_end_it(progress); !who.empty()) {
          verdict.evidence.push_back(who);
        }
        [[fallthrough]];
      case WaitKind::join:
      case WaitKind::rlock:
        verdict.advice = fmt::format(
            "Find the thread that should end this wait among those below, and move the wait out of "
            "the body of {}{} into a function such as main().",
            words_.module(), at);
        break;
      default:
        verdict.advice = fmt::format(
            "While this goes on, the import of {} does not end: find out why it lasts, and move it "
            "out of the module's body{} into a function such as main(), called after the import.",
            words_.module(), at);
    }
  }

  void conclude_importing() {
    auto& verdict = report_.verdict;
    verdict.kind = VerdictKind::importing;
    const auto& waits = report_.threads.at(*found_.owner).waits_for;
    if (found_.import_waiters.empty()) {
      verdict.summary = fmt::format("{} holds the import lock{}; nobody waits for it.",
                                    label(found_.facts(*found_.owner)), words_.while_importing());
    } else {
      verdict.summary = fmt::format("{} holds the import lock{} and runs; {} for it.",
                                    label(found_.facts(*found_.owner)), words_.while_importing(),
                                    words_.waiters());
    }
    // A thread that was not read may wait for the lock.
    verdict.certain = found_.all_thread_states;
    if (!waits) return;
    verdict.evidence.push_back(wait_sentence(report_.threads.at(*found_.owner)) + ".");
    if (waits_for_the_unknown(*found_.owner)) verdict.certain = false;
  }

  /// Whether the thread, or one that it waits for, is in a wait that may be for a thread of this
  /// process and for which none is known.
  [[nodiscard]] bool waits_for_the_unknown(Index i) const {
    const auto graph = found_.graph();
    auto at = std::optional(i);
    for (Index steps = 0; at && steps < report_.threads.size(); ++steps) {
      const auto& waits = report_.threads[*at].waits_for;
      if (waits && waits->kind == WaitKind::unknown) return true;
      at = graph.nodes()[*at].by;
    }
    return false;
  }

  void conclude_without_owner() {
    auto& verdict = report_.verdict;
    const auto ident = **report_.import_lock.owner;
    const auto unmatched = [&](bool python) {
      return std::ranges::any_of(report_.threads, [&](const ThreadReport& thread) {
        return python ? thread.facts.ident == ident && !thread.facts.lwp
                      : thread.facts.lwp.has_value() && !thread.facts.ident.has_value();
      });
    };
    // A thread state of that id without a thread, beside threads without an id: they may be one.
    const bool beside = unmatched(true) && unmatched(false);
    // So may a thread of that id without a thread state, and a thread state without a thread that
    // shows the import.
    const bool parted = found_.namesake && !found_.facts(*found_.namesake).python &&
                        std::ranges::any_of(report_.threads, [](const ThreadReport& thread) {
                          return !thread.facts.lwp && !thread.facts.import_lock_evidence.empty();
                        });
    const bool may_be_there = beside || parted;
    if (found_.namesake && !found_.namesake_waits_itself && !found_.facts(*found_.namesake).whole) {
      verdict.kind = VerdictKind::unknown;
      verdict.summary = fmt::format(
          "The import lock is held under the id of {}, whose frames could not be read whole.",
          label(found_.facts(*found_.namesake)));
      verdict.advice = "See the problems below.";
      return;
    }
    if (report_.threads.empty() || !found_.all_thread_states || may_be_there) {
      verdict.kind = VerdictKind::unknown;
      verdict.summary = "The import lock is held, but its owner could not be matched to a thread.";
      report_.problems.emplace_back(may_be_there
                                        ? "the pthread ids of the threads could not be read"
                                        : "the list of threads could not be read whole");
      return;
    }
    if (found_.namesake && !found_.namesake_waits_itself &&
        may_import(found_.facts(*found_.namesake))) {
      verdict.kind = VerdictKind::unknown;
      verdict.summary = fmt::format(
          "The import lock is held under the id of {}, whose Python frames show no import; it is "
          "in {}, which may have imported.",
          label(found_.facts(*found_.namesake)), found_.facts(*found_.namesake).operation->text);
      report_.problems.emplace_back(
          "the owner's id may have been reused by a later thread; see its native stack in gdb "
          "(bt)");
      return;
    }
    if (const auto contradiction = found_.contradiction(); !contradiction.empty()) {
      verdict.kind = VerdictKind::unknown;
      verdict.summary = fmt::format("The import lock is held, but {}.", contradiction);
      verdict.advice = "See the problems below.";
      report_.problems.push_back(contradiction);
      return;
    }
    verdict.kind = VerdictKind::orphaned;
    if (found_.namesake) {
      verdict.certain = found_.namesake_waits_itself;
      verdict.summary = fmt::format(
          "The import lock is held under the id {}, but by no living thread; {} for it for ever.",
          to_hex(ident), words_.waiters());
      verdict.evidence.push_back(
          found_.namesake_waits_itself
              ? fmt::format(
                    "{} has that id but waits for the lock itself, which no owner does: the "
                    "id was reused.",
                    label(found_.facts(*found_.namesake)))
              : fmt::format("{} has that id but no import, fork or imp.acquire_lock on its stack: "
                            "the id was most likely reused.",
                            label(found_.facts(*found_.namesake))));
    } else {
      verdict.summary = fmt::format(
          "The import lock is held by thread {}, which is not alive in this process; {} for it for "
          "ever.",
          to_hex(ident), words_.waiters());
    }
    const auto left = std::ranges::find_if(report_.threads, [&](const ThreadReport& thread) {
      return thread.facts.ident == ident && !thread.facts.lwp && thread.facts.python;
    });
    if (left != report_.threads.end()) {
      const auto at = place_of(left->facts, 0);
      verdict.evidence.push_back(fmt::format(
          "The thread state of that id{} is left over ({}{}): the process was forked in C while "
          "its parent's thread held the lock.",
          left->facts.name.empty() ? "" : ", " + left->facts.name + ",",
          left->facts.import_lock_evidence.empty() ? "no import" : left->facts.import_lock_evidence,
          at.empty() ? "" : " at " + at));
      verdict.advice =
          "Only a restart helps. Have the C code that forks call PyOS_AfterFork in the child, or "
          "fork with os.fork or subprocess, or before the import.";
      return;
    }
    verdict.advice =
        "Only a restart helps. Look for a thread that ended between imp.acquire_lock() and "
        "imp.release_lock(), or a fork in C code without PyOS_AfterFork.";
  }
  Findings found_;
  Wording words_;
  Report& report_;
};

}  // namespace

Report diagnose(Snapshot snapshot) { return Judgement(std::move(snapshot)).run(); }

}  // namespace importlock
