#include "diagnosis/diagnose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
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

/// Draws the verdict from the findings: each step concludes where its facts hold, in the order of
/// the kinds (docs/verdicts.md).
class Judgement {
 public:
  explicit Judgement(Snapshot snapshot)
      : found_(std::move(snapshot)), words_(found_), report_(found_.report) {}

  Report run() {
    static_cast<void>(found_deadlock_of_locks() || found_circle_of_joins() || found_orphan() ||
                      found_total_hang() || found_stall() || found_import());
    weigh();
    if (!found_.newer.empty()) {
      verdict().certain = false;
      report_.problems.push_back(found_.newer);
    }
    constexpr std::string_view restart = "Only a restart helps";
    if (!verdict().certain && verdict().advice.starts_with(restart)) {
      verdict().advice.replace(0, restart.size(), "If so, only a restart helps");
    }
    return std::move(report_);
  }

 private:
  using Contended = Findings::Contended;
  using Cycle = std::vector<Index>;

  Verdict& verdict() { return report_.verdict; }
  void add_evidence(std::string sentence) { verdict().evidence.push_back(std::move(sentence)); }

  /// A lock whose holder cannot go on, in a cycle of waits.
  bool found_deadlock_of_locks() {
    const auto graph = found_.graph();
    for (const auto& lock : found_.contended()) {
      if (!found_.waits(lock.holder)) continue;
      const auto patient =
          graph.can_progress(TimeOuts::are_ignored_on_the_path, false, lock.holder);
      if (patient[lock.holder]) continue;
      auto cycle = graph.cycle_through(lock.holder, patient, suspects(lock));
      if (cycle.empty()) cycle = graph.cycle_behind(lock.holder);
      if (cycle.empty()) continue;
      const auto any_ends = [&](Index i) { return graph.nodes()[i].any; };
      const bool all = found_.all_thread_states && !found_.has_parted_threads();
      if (!all && std::ranges::any_of(cycle, any_ends)) {
        conclude_doubtful(lock, "a thread that could end its wait may not have been read");
        return true;
      }
      verdict().certain =
          !graph.can_progress(TimeOuts::end_the_wait, true, lock.holder)[lock.holder];
      conclude_deadlock(lock, cycle);
      return true;
    }
    return false;
  }

  bool found_circle_of_joins() {
    for (const auto& cycle : found_.graph().certain_cycles()) {
      const auto wait = [&](Index i) { return found_.wait(i); };
      if (std::ranges::any_of(cycle, [&](Index i) { return wait(i).timed && !wait(i).looped; })) {
        continue;
      }
      verdict().certain = std::ranges::none_of(cycle, [&](Index i) { return wait(i).timed; });
      conclude_circle(cycle);
      return true;
    }
    return false;
  }

  /// A thread that waits for a lock which nobody is left to release.
  bool found_orphan() {
    if (report_.import_lock_state == ImportLockState::held && !found_.owner &&
        !found_.import_waiters.empty()) {
      conclude_without_owner();
      return true;
    }
    std::vector<Index> orphans;
    for (Index i = 0; i < report_.threads.size(); ++i) {
      if (!found_.waits(i) || !found_.wait(i).orphaned) continue;
      if (!found_.wait(i).timed || found_.wait(i).looped) orphans.push_back(i);
    }
    if (orphans.empty()) return false;
    std::ranges::stable_sort(orphans, {}, [&](Index i) { return found_.wait(i).kind; });
    conclude_orphaned(orphans);
    return true;
  }

  /// No thread of the process can go on: each waits for what any other could bring about.
  bool found_total_hang() {
    if (!found_.all_thread_states || found_.has_parted_threads()) return false;
    if (!found_.unread_thread().empty()) return false;
    const auto main = found_.main_thread();
    if (!main || !found_.waits(*main)) return false;
    const auto graph = found_.graph();
    bool certain = true;
    auto progress = graph.can_progress(TimeOuts::end_the_wait, true, {});
    if (progress[*main]) {
      // A housekeeping thread wakes up now and then, but ends nobody's wait.
      progress = graph.can_progress(TimeOuts::are_ignored_on_the_path, true, {});
      if (progress[*main]) return false;
      certain = false;
    }
    // At the end of the waits for one certain thread is one that any other could wake.
    std::vector<Index> path{*main};
    while (graph.nodes()[path.back()].by && path.size() <= report_.threads.size()) {
      path.push_back(*graph.nodes()[path.back()].by);
    }
    const auto last = path.back();
    if (!graph.nodes()[last].any) return false;
    if (found_.facts(*main).exiting) {
      // A program that only serves on by its threads ends so, and what they wait for is a signal's.
      const auto kind = found_.wait(last).kind;
      if (kind != WaitKind::lock && kind != WaitKind::rlock) return false;
      certain = false;
    }
    if (found_.signals_interrupt_waits) {
      // Programs wait so for a signal, whose handler runs in the main thread and sets the Event.
      if (found_.wait(last).kind == WaitKind::event) return false;
      certain = false;
    }
    // Its frames would show what lock of C code it is, or that it is none.
    const auto& facts = found_.facts(last);
    if (facts.python && facts.frames.empty() && !facts.wait) certain = false;
    verdict().certain = certain;
    // Who only waits for it is less to blame than those that wait as it does.
    auto others = progress;
    for (const auto i : path) others[i] = i != last;
    auto cycle = graph.cycle_through(last, others, {});
    if (cycle.empty()) cycle = graph.cycle_through(last, progress, {});
    if (cycle.size() > 1 && wait_for_one_lock(cycle)) cycle.clear();
    if (cycle.empty() && holds_what_it_waits_for(last)) cycle = {last};
    if (cycle.empty()) {
      conclude_forsaken(last);
    } else {
      conclude_circle(cycle);
    }
    return true;
  }

  /// Who waits for the same lock as another does not keep it from anybody.
  [[nodiscard]] bool wait_for_one_lock(const Cycle& cycle) const {
    const auto& lock = found_.wait(cycle.front()).lock;
    return !lock.is_null() &&
           std::ranges::all_of(cycle, [&](Index i) { return found_.wait(i).lock == lock; });
  }

  [[nodiscard]] bool holds_what_it_waits_for(Index i) const {
    const auto& lock = found_.wait(i).lock;
    const auto& held = found_.facts(i).held;
    return !lock.is_null() && std::ranges::find(held, lock, &HeldLock::lock) != held.end();
  }

  /// A lock of imports or the GIL whose holder is blocked while others wait for it.
  bool found_stall() {
    for (const auto& lock : locks_of_imports()) {
      const auto& waits = report_.threads.at(found_.end_of_waits(lock.holder)).waits_for;
      const bool gil = report_.gil_stuck && is_stuck_in_gil(lock.holder);
      const bool runs = !waits || (waits->kind == WaitKind::gil && !report_.gil_stuck);
      if (const auto doubt = doubt_about(lock); !doubt.empty()) {
        conclude_doubtful(lock, doubt);
        return true;
      }
      if (runs || (lock.waiters.empty() && !gil)) continue;
      conclude_stalled(lock);
      return true;
    }
    if (!report_.gil_stuck) return found_stall_of_own_gil();
    verdict().kind = VerdictKind::stalled;
    verdict().certain = false;
    verdict().lock = "GIL";
    verdict().summary = words_.stuck_gil_clause() + ".";
    add_evidence(wait_sentence(report_.threads.at(*found_.gil_holder)) + ".");
    add_evidence(waiters(report_.gil_waiters.size()) + " for the GIL.");
    verdict().advice = words_.stuck_gil_advice();
    return true;
  }

  bool found_stall_of_own_gil() {
    const auto holder = found_.stuck_in_own_gil();
    if (!holder) return false;
    verdict().kind = VerdictKind::stalled;
    verdict().certain = false;
    for (Index i = 0; i < report_.threads.size(); ++i) {
      const auto& lock = found_.facts(i).native_lock;
      if (!lock || lock->kind != NativeLock::Kind::gil || found_.awaited(i) != holder) continue;
      verdict().lock = name_of_lock(found_.wait(i));
      add_evidence(wait_sentence(report_.threads.at(i)) + ".");
    }
    verdict().summary = fmt::format(
        "{} keeps the {} while it {}, so no other code of that interpreter can run.",
        label(found_.facts(*holder)), verdict().lock, waits_clause(found_.wait(*holder)));
    add_evidence(wait_sentence(report_.threads.at(*holder)) + ".");
    verdict().advice = words_.advice_to_let_go(*holder, "release the GIL");
    return true;
  }

  /// The import lock, held or of unknown state, or a module's lock; else nothing is wrong.
  bool found_import() {
    switch (report_.import_lock_state) {
      case ImportLockState::unknown: conclude_unknown(); return true;
      case ImportLockState::held:
        if (!found_.owner) {
          conclude_without_owner();
          return true;
        }
        break;
      case ImportLockState::never_used:
        if (said_to_be_unused()) return true;
        break;
      case ImportLockState::free: break;
    }
    const auto locks = locks_of_imports();
    if (locks.empty()) {
      conclude_free();
    } else {
      conclude_importing(locks.front());
    }
    return true;
  }

  /// Those that are held, whether or not anybody waits.
  [[nodiscard]] std::vector<Contended> locks_of_imports() const {
    std::vector<Contended> locks;
    if (found_.owner) {
      locks.push_back({WaitKind::import_lock, "import lock", *found_.owner, found_.import_waiters});
    }
    for (auto& lock : found_.contended()) {
      if (lock.kind == WaitKind::module_lock) locks.push_back(std::move(lock));
    }
    for (const auto& lock : report_.module_locks) {
      const auto holder = lock.facts.owner ? found_.by_ident(*lock.facts.owner) : std::nullopt;
      if (!holder || !lock.waiters.empty()) continue;
      locks.push_back({WaitKind::module_lock, "module lock of " + lock.facts.module, *holder, {}});
    }
    return locks;
  }

  /// Takes back what the verdict says where facts that it rests on are at odds or were not read.
  void weigh() {
    const auto kind = verdict().kind;
    if (kind == VerdictKind::unknown) return;
    // Who is not there may be what was not read.
    if (kind == VerdictKind::orphaned && !report_.problems.empty()) verdict().certain = false;
    const bool free = kind == VerdictKind::free;
    const auto contradiction = found_.contradiction();
    auto doubt = contradiction;
    const auto unread_lock = found_.unread_lock();
    if (doubt.empty()) doubt = unread_lock;
    if (doubt.empty()) doubt = found_.unread_thread();
    if (doubt.empty() && free) doubt = found_.unread_list();
    if (free && found_.ran_on) verdict().certain = false;
    if (doubt.empty()) return;
    verdict().certain = false;
    if (report_.problems.empty() || !contradiction.empty()) report_.problems.push_back(doubt);
    // Whatever of a process that runs on could not be read is no hang of all of it.
    if (free && found_.ran_on && contradiction.empty()) return;
    const bool importing =
        kind == VerdictKind::importing && (!contradiction.empty() || !found_.ran_on);
    if (!free && !importing && unread_lock.empty()) return;
    // That nothing hangs rests on all that there is.
    verdict() = {};
    verdict().summary = unread_lock.empty()
                            ? fmt::format("Nothing is seen to hang, but {}.", doubt)
                            : fmt::format("What hangs cannot be told: {}.", unread_lock);
    verdict().advice = "See the problems below.";
  }

  void conclude_unknown() {
    verdict().kind = VerdictKind::unknown;
    verdict().summary = "The state of the import lock could not be read.";
    verdict().advice = report_.import_lock.found_by
                           ? "See the problems below."
                           : "Install the debug symbols of this Python (Debian: python2.7-dbg), or "
                             "point gdb to them with 'set debug-file-directory', and run it again.";
  }

  bool said_to_be_unused() {
    // Python/import.c, _PyImport_AcquireLock: the first import makes it.
    const auto user = std::ranges::find_if(report_.threads, [](const ThreadReport& thread) {
      return thread.facts.lwp && !thread.facts.importing.empty();
    });
    if (report_.import_lock.owner && *report_.import_lock.owner) {
      verdict().summary = "The import lock is said never to have been used, but it has an owner.";
      report_.problems.emplace_back("import_lock is null though import_lock_thread is set");
    } else if (!report_.problems.empty()) {
      verdict().summary =
          "The import lock is said never to have been used, but not all could be read.";
    } else if (user != report_.threads.end()) {
      verdict().summary =
          fmt::format("The import lock is said never to have been used, but {} is importing.",
                      label(user->facts));
      report_.problems.emplace_back("import_lock is null while a module is imported");
    } else {
      return false;
    }
    verdict().advice = "See the problems below.";
    return true;
  }

  void conclude_free() {
    verdict().kind = VerdictKind::free;
    verdict().summary = report_.import_lock_state == ImportLockState::never_used
                            ? "The import lock has never been used, and nothing is seen to hang"
                            : "The import lock is free, and nothing is seen to hang";
    const auto main = found_.main_thread();
    verdict().summary += main ? fmt::format(": {}.", words_.waits_in_turn(*main)) : ".";
  }

  void conclude_doubtful(const Contended& lock, const std::string& doubt) {
    verdict().kind = VerdictKind::unknown;
    verdict().lock = lock.lock;
    verdict().summary = fmt::format("{} holds the {}{}, but {}.", label(found_.facts(lock.holder)),
                                    lock.lock, words_.while_importing(lock.holder), doubt);
    verdict().advice = "See the problems below.";
    if (report_.problems.empty()) report_.problems.push_back(doubt);
  }

  /// What was not read but could show a deadlock behind a lock of imports; empty where nothing
  /// could.
  [[nodiscard]] std::string doubt_about(const Contended& lock) const {
    if (lock.kind == WaitKind::import_lock && !report_.import_lock.lock) {
      return "who waits for it cannot be told";
    }
    if (auto contradiction = found_.contradiction(); !contradiction.empty()) return contradiction;
    const auto& calls = report_.threads;
    if (std::ranges::any_of(calls, [](const ThreadReport& thread) {
          return thread.facts.lwp && !thread.facts.system_call;
        })) {
      return "the system calls of some threads could not be read";
    }
    if (!thread_waits_inside(lock.holder)) return "";
    if (!found_.knows_gil()) return "who holds the GIL could not be read";
    if (found_.has_parted_threads()) {
      return "the pthread ids of some threads could not be read";
    }
    if (!found_.all_thread_states) return "the list of threads could not be read whole";
    if (lock.waiters.empty()) return "";
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

  [[nodiscard]] bool is_stuck_in_gil(Index i) const {
    return found_.gil_holder == i || (found_.waits(i) && found_.wait(i).kind == WaitKind::gil);
  }

  /// Those that wait for the lock, those first whom its holder started.
  [[nodiscard]] std::vector<Index> suspects(const Contended& lock) const {
    auto order = lock.waiters;
    std::stable_partition(order.begin(), order.end(),
                          [&](Index i) { return words_.start_of(i, lock.holder) != nullptr; });
    return order;
  }

  void set_cycle(const Cycle& cycle) {
    for (const auto i : cycle) verdict().cycle.push_back(*found_.facts(i).lwp);
    // That of the imports or the GIL, else the first.
    const auto rank = [](WaitKind kind) {
      return kind == WaitKind::import_lock   ? 0
             : kind == WaitKind::module_lock ? 1
             : kind == WaitKind::gil         ? 2
                                             : 3;
    };
    int best = 4;
    for (const auto i : cycle) {
      const auto& wait = found_.wait(i);
      const auto kind = rank(wait.kind);
      if (kind >= best || (kind == 3 && !is_program_lock(wait))) continue;
      best = kind;
      verdict().lock = name_of_lock(wait);
    }
  }

  void add_cycle_evidence(const Cycle& cycle) {
    for (const auto i : cycle) {
      add_evidence(wait_sentence(report_.threads.at(i)) + words_.held_clause(i) + ".");
    }
  }

  /// Where the holder, or else any other thread of the cycle, started the threads of the cycle; the
  /// first of these places.
  std::string add_starts(const Cycle& cycle, Index holder) {
    std::string first;
    for (const auto i : cycle) {
      if (i == holder) continue;
      if (const auto* found = words_.start_of(i, holder)) {
        const auto at = place(found->file, found->line);
        add_evidence(fmt::format("{} was started at {}.", label(found_.facts(i)), at));
        if (first.empty()) first = at;
      }
    }
    return first;
  }

  void add_those_behind(const Contended& lock, const Cycle& cycle) {
    const auto in_cycle = std::ranges::count_if(
        lock.waiters, [&](Index i) { return std::ranges::find(cycle, i) != cycle.end(); });
    const auto behind = lock.waiters.size() - static_cast<Index>(in_cycle);
    if (behind == 0) return;
    add_evidence(fmt::format("{} more {} for the {} behind them.", behind,
                             behind == 1 ? "thread waits" : "threads wait", lock.lock));
  }

  /// That the import lock is not to blame, where a reader may think so.
  void acquit_import_lock() {
    if (report_.import_lock_state == ImportLockState::free) {
      add_evidence("The import lock is free, and not to blame.");
    }
  }

  [[nodiscard]] static bool is_of_imports(WaitKind kind) {
    return kind == WaitKind::import_lock || kind == WaitKind::module_lock;
  }

  void conclude_deadlock(const Contended& lock, const Cycle& cycle) {
    verdict().kind = VerdictKind::deadlock;
    set_cycle(cycle);
    const bool behind = cycle.front() != lock.holder;
    if (is_of_imports(lock.kind)) add_evidence(words_.hold_sentence(lock));
    if (behind) add_evidence(wait_sentence(report_.threads.at(lock.holder)) + ".");
    add_cycle_evidence(cycle);
    auto& summary = verdict().summary;
    const auto& holders = found_.wait(lock.holder);
    if (behind) {
      summary = fmt::format("{} and waits for {}, while {}.", words_.holder_clause(lock),
                            phrase(holders), words_.cycle_clause(cycle));
    } else if (cycle.size() > 1) {
      summary = fmt::format("{} and waits for {}.", words_.holder_clause(lock),
                            words_.chain_clause(cycle));
    } else if (holders.kind == WaitKind::gil) {
      summary =
          fmt::format("{} waits for the GIL, which it holds itself under another thread state{}.",
                      label(found_.facts(lock.holder)),
                      holders.because.empty() ? "" : fmt::format(" ({})", holders.because));
    } else if (is_of_imports(lock.kind)) {
      summary = fmt::format("{} and waits for {} that it holds itself.", words_.holder_clause(lock),
                            phrase(holders));
    } else {
      summary = words_.cycle_clause(cycle) + ".";
    }
    const auto start = add_starts(cycle, lock.holder);
    add_those_behind(lock, cycle);
    if (!verdict().certain) add_evidence(words_.uncertainty(cycle));
    if (!is_of_imports(lock.kind)) acquit_import_lock();
    const bool gil =
        std::ranges::any_of(cycle, [&](Index i) { return found_.wait(i).kind == WaitKind::gil; });
    verdict().advice = behind || gil || !is_of_imports(lock.kind)
                           ? words_.advice(cycle)
                           : words_.advice_for_import(cycle, start);
  }

  /// Threads that wait for each other's ends, or for what none of them can bring about any more.
  void conclude_circle(const Cycle& cycle) {
    verdict().kind = VerdictKind::deadlock;
    set_cycle(cycle);
    verdict().summary = cycle.size() == 1
                            ? words_.cycle_clause(cycle) + "."
                            : fmt::format("{} waits for {}.", label(found_.facts(cycle.front())),
                                          words_.chain_clause(cycle));
    add_cycle_evidence(cycle);
    if (!verdict().certain) add_evidence(words_.uncertainty(cycle));
    acquit_import_lock();
    verdict().advice = words_.advice(cycle);
  }

  /// A thread waits for what only another thread could bring about, and no other is left.
  void conclude_forsaken(Index i) {
    const auto& wait = found_.wait(i);
    verdict().kind = VerdictKind::orphaned;
    if (is_program_lock(wait)) verdict().lock = name_of_lock(wait);
    // A handler of a signal may post a semaphore (POSIX, sem_post), and no other lock.
    const auto& native = found_.facts(i).native_lock;
    if (native && native->kind == NativeLock::Kind::semaphore) verdict().certain = false;
    verdict().summary =
        fmt::format("{} waits for {} that no living thread can {}.", label(found_.facts(i)),
                    phrase(wait), verb_that_ends(wait.kind));
    add_evidence(wait_sentence(report_.threads.at(i)) + ".");
    add_evidence(
        "No other thread of the process can run: its holder has ended, was not forked "
        "along, or is this thread itself.");
    acquit_import_lock();
    const auto at = own_place_of(found_.facts(i), wait.frame);
    verdict().advice =
        fmt::format("Only a restart helps. Find out which thread was to {} it{}, and why it ended.",
                    verb_that_ends(wait.kind), at.empty() ? "" : fmt::format(" ({})", at));
  }

  void conclude_orphaned(const std::vector<Index>& orphans) {
    const auto first = orphans.front();
    const auto& wait = found_.wait(first);
    const auto& facts = found_.facts(first);
    verdict().kind = VerdictKind::orphaned;
    verdict().lock = wait.kind == WaitKind::gil ? "GIL" : name_of_lock(wait);
    verdict().certain = !wait.timed && found_.whole_target;
    verdict().summary = fmt::format(
        "{} waits for {}, which no living thread holds: its holder has ended, or was "
        "not forked along.",
        label(facts), phrase(wait));
    for (const auto i : orphans) {
      constexpr std::size_t most_named = 5;
      if (verdict().evidence.size() == most_named) break;
      add_evidence(wait_sentence(report_.threads.at(i)) + ".");
    }
    add_left_over_holder(first);
    if (facts.native_lock && facts.native_lock->owner) {
      verdict().certain = false;
      add_evidence(fmt::format("That LWP {} had it is told by the lock's own memory alone.",
                               *facts.native_lock->owner));
    }
    if (wait.kind != WaitKind::import_lock) acquit_import_lock();
    verdict().advice = advice_for_orphan(first);
  }

  /// The thread that held the lock in the parent, where its thread state was forked along.
  void add_left_over_holder(Index i) {
    const auto& wait = found_.wait(i);
    const auto& seen = found_.facts(i).wait;
    for (const auto& thread : report_.threads) {
      const auto& facts = thread.facts;
      if (facts.lwp) continue;
      const auto held = std::ranges::find(facts.held, wait.lock, &HeldLock::lock);
      const bool gil = wait.kind == WaitKind::gil && report_.gil.holder && *report_.gil.holder &&
                       *report_.gil.holder == facts.ident;
      const bool shown = !wait.lock.is_null() && held != facts.held.end();
      const bool by_id = gil || (seen && seen->thread && seen->thread == facts.ident);
      if (!shown && !by_id) continue;
      const auto at = shown ? place(held->file, held->line) : own_place_of(facts, 0);
      add_evidence(fmt::format("A thread of the parent{} held it{} when the process was forked.",
                               facts.name.empty() ? "" : ", " + facts.name + ",",
                               at.empty() ? "" : fmt::format(" ({})", at)));
      return;
    }
  }

  [[nodiscard]] std::string advice_for_orphan(Index i) const {
    const auto& wait = found_.wait(i);
    const auto& facts = found_.facts(i);
    if (wait.kind == WaitKind::gil) {
      return "Only a restart helps. C code forked while another thread held the GIL: fork with "
             "os.fork or subprocess, or before the first thread starts, or call PyOS_AfterFork in "
             "the child.";
    }
    if (wait.kind == WaitKind::module_lock) {
      return fmt::format(
          "Only a restart helps. Import {} before the fork, or start workers by spawn or "
          "forkserver.",
          wait.what);
    }
    const bool logs = std::ranges::any_of(facts.frames, [](const Frame& frame) {
      return frame.library && frame.file.str().ends_with("/logging/__init__.py");
    });
    if (logs) {
      return "Only a restart helps. A fork copies the locks of logging's handlers as they are: "
             "fork before the first thread logs, or give the child handlers of its own before it "
             "logs (logging.root.handlers = [], then logging.basicConfig()).";
    }
    const auto at = own_place_of(facts, wait.frame);
    return fmt::format(
        "Only a restart helps. Fork before threads take this lock{}, or make it anew in the "
        "child; if nothing was forked, look for a thread that ended without releasing it.",
        at.empty() ? "" : fmt::format(" ({})", at));
  }

  void conclude_stalled(const Contended& lock) {
    verdict().kind = VerdictKind::stalled;
    verdict().certain = false;
    verdict().lock = lock.lock;
    const auto& facts = found_.facts(lock.holder);
    const auto& waits = found_.wait(lock.holder);
    add_evidence(words_.hold_sentence(lock));
    add_evidence(wait_sentence(report_.threads.at(lock.holder)) + ".");
    if (report_.gil_stuck) {
      verdict().summary =
          fmt::format("{} holds the {}{}, and the GIL is the cause: {}.", label(facts), lock.lock,
                      words_.while_importing(lock.holder), words_.stuck_gil_clause());
      if (found_.gil_holder != lock.holder) {
        add_evidence(wait_sentence(report_.threads.at(*found_.gil_holder)) + ".");
      }
      add_evidence(fmt::format("{} for the GIL, {} for the {}.",
                               waiters(report_.gil_waiters.size()), lock.waiters.size(),
                               lock.lock));
      verdict().advice = words_.stuck_gil_advice();
      return;
    }
    verdict().summary = fmt::format(
        "{} and {}{}{} while {} for the {}.", words_.holder_clause(lock), waits_clause(waits),
        time_left(waits), waits.seconds_left ? "," : "", waiters(lock.waiters.size()), lock.lock);
    verdict().advice = advice_for_stall(lock);
  }

  std::string advice_for_stall(const Contended& lock) {
    const auto& facts = found_.facts(lock.holder);
    const auto& waits = found_.wait(lock.holder);
    const auto where = own_place_of(facts, waits.frame);
    const auto at = where.empty() ? "" : fmt::format(" ({})", where);
    if (facts.importing.empty()) {
      return fmt::format(
          "Give the import lock back (imp.release_lock) before this{}, not after it.",
          at.empty() ? "" : " is done" + at);
    }
    const auto module = words_.module(lock.holder);
    switch (waits.kind) {
      case WaitKind::child_process:
        return fmt::format(
            "Find out why the child process does not end (is it a Python too? look at it in the "
            "same way), and move the wait for it out of the body of {}{}.",
            module, at);
      case WaitKind::io:
      case WaitKind::sleep:
      case WaitKind::gil:
      case WaitKind::unknown:
        return fmt::format(
            "While this goes on, the import of {} does not end: find out why it lasts, and move it "
            "out of the module's body{} into a function such as main(), called after the import.",
            module, at);
      default: break;
    }
    const auto progress =
        found_.graph().can_progress(TimeOuts::are_ignored_on_the_path, false, lock.holder);
    if (!waits.lwp) {
      if (auto who = words_.who_could_end_it(lock.holder, progress); !who.empty()) {
        add_evidence(std::move(who));
      }
    }
    return fmt::format(
        "Find the thread that should end this wait among those below, and move the wait out of "
        "the body of {}{} into a function such as main().",
        module, at);
  }

  void conclude_importing(const Contended& lock) {
    verdict().kind = VerdictKind::importing;
    verdict().lock = lock.lock;
    const auto& waits = report_.threads.at(lock.holder).waits_for;
    const auto holds = fmt::format("{} holds the {}{}", label(found_.facts(lock.holder)), lock.lock,
                                   words_.while_importing(lock.holder));
    const auto end = found_.end_of_waits(lock.holder);
    const auto runs = end == lock.holder
                          ? std::string("runs")
                          : fmt::format("waits for {}, which runs", label(found_.facts(end)));
    verdict().summary = lock.waiters.empty() ? fmt::format("{}; nobody waits for it.", holds)
                                             : fmt::format("{} and {}; {} for it.", holds, runs,
                                                           waiters(lock.waiters.size()));
    // A thread that was not read may wait for the lock.
    verdict().certain = found_.all_thread_states;
    if (!waits) return;
    add_evidence(wait_sentence(report_.threads.at(lock.holder)) + ".");
    if (waits_for_the_unknown(lock.holder)) verdict().certain = false;
  }

  /// Whether the thread, or one that it waits for, is in a wait that may be for a thread of this
  /// process and for which none is known.
  [[nodiscard]] bool waits_for_the_unknown(Index i) const {
    auto at = std::optional(i);
    for (Index steps = 0; at && steps < report_.threads.size(); ++steps) {
      if (found_.waits(*at) && found_.wait(*at).kind == WaitKind::unknown) return true;
      at = found_.awaited(*at);
    }
    return false;
  }

  void conclude_without_owner() {
    auto& verdict = report_.verdict;
    verdict.lock = "import lock";
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
    if (found_.import_waiters.empty()) {
      verdict.kind = VerdictKind::importing;
      verdict.certain = false;
      verdict.summary = fmt::format(
          "The import lock is held under the id {}, but by no living thread; nobody waits for it "
          "yet, but the next import will, for ever.",
          to_hex(ident));
    } else if (found_.namesake) {
      verdict.certain = found_.namesake_waits_itself;
      verdict.summary = fmt::format(
          "The import lock is held under the id {}, but by no living thread; {} for it for ever.",
          to_hex(ident), waiters(found_.import_waiters.size()));
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
          to_hex(ident), waiters(found_.import_waiters.size()));
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
