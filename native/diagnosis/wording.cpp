#include "diagnosis/wording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "diagnosis/phrases.hpp"

namespace importlock {

bool Wording::wanted(const HeldLock& held) const {
  return std::ranges::any_of(found_.report.threads, [&](const ThreadReport& other) {
    return other.waits_for && other.waits_for->lock == held.lock;
  });
}

std::string Wording::who_could_end_it(Index holder, const std::vector<bool>& progress) const {
  constexpr std::size_t most_named = 3;
  std::string names;
  std::size_t number = 0;
  for (Index i = 0; i < progress.size(); ++i) {
    const auto& waits = found_.report.threads[i].waits_for;
    const bool on_its_own = !waits || !waits->lwp;
    if (!progress[i] || !on_its_own || i == holder || !found_.facts(i).python) continue;
    if (++number > most_named) continue;
    names += (names.empty() ? "" : ", ") + label(found_.facts(i));
  }
  if (number == 0) return "";
  if (number > most_named) names += fmt::format(" and {} more", number - most_named);
  return fmt::format("{} could still end that wait.", names);
}

std::string Wording::held_clause(Index i) const {
  for (const auto& held : found_.facts(i).held) {
    if (wanted(held)) {
      return fmt::format(" while it holds the {}{}{} since {}", held.what,
                         held.name.empty() ? "" : " ", held.name, place(held.file, held.line));
    }
  }
  return "";
}

std::string Wording::cycle_clause(const Cycle& cycle) const {
  if (cycle.size() == 1) {
    return fmt::format("{} waits for {} that it holds itself", label(found_.facts(cycle.front())),
                       phrase(found_.wait(cycle.front())));
  }
  std::string who;
  for (Index i = 0; i < cycle.size(); ++i) {
    who += i == 0 ? "" : i + 1 == cycle.size() ? " and " : ", ";
    who += label(found_.facts(cycle[i]));
  }
  return who + " wait for each other in a deadlock";
}

std::string Wording::link(Index from, Index to) const {
  const auto& waits = found_.wait(from);
  const auto next = label(found_.facts(to));
  if (waits.kind == WaitKind::join) return "the end of " + next;
  if (waits.lwp) return fmt::format("{} that {} holds", phrase(waits), next);
  return fmt::format("{} that no thread can {}, since {}", phrase(waits),
                     verb_that_ends(waits.kind), next);
}

std::string Wording::chain_clause(const Cycle& cycle) const {
  std::string clause;
  for (Index step = 0; step + 1 < cycle.size(); ++step) {
    const bool named = found_.wait(cycle[step]).lwp.has_value();
    clause += link(cycle[step], cycle[step + 1]) + (named ? ", which waits for " : " waits for ");
  }
  const auto& last = found_.wait(cycle.back());
  clause += phrase(last);
  if (!last.because.empty() && last.kind != WaitKind::join) {
    clause += fmt::format(" ({})", last.because);
  }
  return clause;
}

std::string Wording::waits_in_turn(Index i) const {
  std::string clause = label(found_.facts(i));
  std::vector<bool> named(found_.report.threads.size(), false);
  constexpr int most_steps = 4;
  for (int step = 0;; ++step) {
    named[i] = true;
    if (!found_.waits(i)) return clause + " runs";
    const auto next = found_.awaited(i);
    if (!next || named[*next] || step == most_steps) {
      const auto at = own_place_of(found_.facts(i), found_.wait(i).frame);
      return clause + " " + waits_clause(found_.wait(i)) + (at.empty() ? "" : " (" + at + ")") +
             time_left(found_.wait(i));
    }
    clause += fmt::format(" waits for {}, which", link(i, *next));
    i = *next;
  }
}

std::string Wording::uncertainty(const Cycle& cycle) const {
  const auto timed = std::ranges::find_if(cycle, [&](Index i) { return found_.wait(i).timed; });
  if (timed != cycle.end()) {
    return fmt::format("{} waits with a time-out, so this ends only if its code gives up waiting.",
                       label(found_.facts(*timed)));
  }
  const auto outside = std::ranges::count_if(found_.report.threads, [](const ThreadReport& thread) {
    const auto& waits = thread.waits_for;
    return !thread.facts.python &&
           (!waits || waits->kind == WaitKind::io || waits->kind == WaitKind::sleep ||
            waits->kind == WaitKind::child_process);
  });
  if (outside > 0) {
    return fmt::format("{} outside Python could still end it.",
                       count(static_cast<Index>(outside), "thread"));
  }
  const bool wakes = std::ranges::any_of(
      found_.report.threads, [](const ThreadReport& thread) { return thread.facts.housekeeping; });
  return wakes ? "A thread that wakes from time to time could still end it."
               : "The handler of a signal could still end it.";
}

std::string Wording::advice_for_import(const Cycle& cycle, const std::string& start) const {
  const auto holder = cycle.front();
  const auto& holders = found_.wait(holder);
  const auto where = own_place_of(found_.facts(holder), holders.frame);
  const auto last = cycle.back();
  // Whoever waits for what the last one holds.
  const auto taker = cycle.size() > 1 ? cycle[cycle.size() - 2] : holder;
  const auto& taken = found_.wait(taker);
  const auto is_lock = [](const Wait& wait) {
    return is_program_lock(wait) || wait.kind == WaitKind::module_lock;
  };
  if (is_lock(holders) && cycle.size() == 1) return advice(cycle);
  std::string text;
  if (is_lock(holders) && is_lock(taken) && taken.lwp) {
    const auto needs = found_.wait(last).because.empty() ? "the import" : found_.wait(last).because;
    text = fmt::format(
        "Do not import with the {} held: have {} done before the lock is taken ({}), for example "
        "at the top of its module; and keep the import of {} from taking that lock ({}).",
        name_of_lock(taken), needs, own_place_of(found_.facts(last), found_.wait(last).frame),
        module(taker), own_place_of(found_.facts(taker), taken.frame));
  } else if (holders.kind == WaitKind::join || !start.empty()) {
    text = fmt::format(
        "Keep the import of {} free of waits: move the lines that start the thread{} and wait "
        "for it ({}) into a function such as main(), and call it after the import has ended.",
        module(holder), start.empty() ? "" : fmt::format(" ({})", start), where);
  } else {
    text = fmt::format(
        "Keep the import of {} free of waits: move the line that waits ({}) into a function such "
        "as main(), and call it after the import has ended.",
        module(holder), where);
  }
  if (found_.wait(last).because == "codec lookup") {
    text += " Or look that codec up once before, with codecs.lookup().";
  }
  return text;
}

std::string Wording::advice(const Cycle& cycle) const {
  const auto is_gil = [&](Index i) { return found_.wait(i).kind == WaitKind::gil; };
  const auto is_lock = [&](Index i) { return is_program_lock(found_.wait(i)); };
  const auto where = own_place_of(found_.facts(cycle.front()), found_.wait(cycle.front()).frame);
  const auto at = where.empty() ? "" : fmt::format(" ({})", where);
  if (cycle.size() == 1 && is_gil(cycle.front())) {
    return fmt::format(
        "The C code called{} uses PyGILState_Ensure, which knows the main interpreter alone: run "
        "this program there (mod_wsgi: WSGIApplicationGroup %{{GLOBAL}}; uwsgi: "
        "single-interpreter = true).",
        where.empty() ? "" : " at " + where);
  }
  if (std::ranges::any_of(cycle, is_gil)) return stuck_gil_advice();
  for (const auto i : cycle) {
    const auto& lock = found_.facts(i).native_lock;
    const auto by = found_.awaited(i);
    if (lock && lock->kind == NativeLock::Kind::attached_thread_state && by) {
      return advice_to_let_go(*by, "detach its thread state");
    }
  }
  if (cycle.size() == 1 && is_lock(cycle.front())) {
    return found_.wait(cycle.front()).kind == WaitKind::lock
               ? fmt::format("Take that Lock once only{}, or make it an RLock.", at)
               : fmt::format("Take that lock once only{}, or make it a recursive one.", at);
  }
  const bool locks = std::ranges::all_of(cycle, is_lock);
  std::vector<std::string> each;
  for (const auto i : cycle) {
    std::string places;
    for (const auto& held : found_.facts(i).held) {
      if (locks && wanted(held)) places += place(held.file, held.line) + " then ";
    }
    places += own_place_of(found_.facts(i), found_.wait(i).frame);
    // Threads that are alike stand at the same lines.
    if (std::ranges::find(each, places) == each.end()) each.push_back(std::move(places));
  }
  const auto places = fmt::format("{}", fmt::join(each, locks ? "; " : ", "));
  return locks ? fmt::format("Take these locks in one order everywhere ({}).", places)
               : fmt::format("Break the circle of waits at {}{}.", each.size() > 1 ? "one of " : "",
                             places);
}

std::string Wording::stuck_gil_clause() const {
  const auto& holder = found_.report.threads[*found_.gil_holder];
  return fmt::format("{} keeps the GIL while it {}, so no other Python code can run",
                     label(holder.facts), waits_clause(*holder.waits_for));
}

std::string Wording::stuck_gil_advice() const {
  return advice_to_let_go(*found_.gil_holder, "release the GIL");
}

std::string Wording::advice_to_let_go(Index holder, std::string_view how) const {
  const auto at = own_place_of(found_.facts(holder), 0);
  return fmt::format(
      "The C code called{} must {} while it waits (Py_BEGIN_ALLOW_THREADS; with ctypes, CDLL in "
      "place of PyDLL).",
      at.empty() ? "" : " at " + at, how);
}

const ThreadStart* Wording::start_of(Index i, Index starter) const {
  const auto& starts = found_.facts(starter).starts;
  const auto found = std::ranges::find_if(
      starts, [&](const ThreadStart& start) { return start.started == found_.facts(i).ident; });
  return found == starts.end() ? nullptr : &*found;
}

std::string Wording::module(Index i) const {
  const auto& importing = found_.facts(i).importing;
  return importing.empty() ? "the module" : importing.back().name;
}

std::string Wording::while_importing(Index i) const {
  return found_.facts(i).importing.empty() ? "" : " while importing " + module(i);
}

std::string Wording::holder_clause(const Contended& lock) const {
  const auto& facts = found_.facts(lock.holder);
  if (lock.kind == WaitKind::import_lock) {
    return fmt::format(
        "{} holds the import lock{}", label(facts),
        facts.importing.empty() ? "" : fmt::format(", importing {},", facts.importing.back().name));
  }
  return fmt::format("{} holds the {}", label(facts), lock.lock);
}

std::string Wording::hold_sentence(const Contended& lock) const {
  const auto& facts = found_.facts(lock.holder);
  std::string chain;
  for (const auto& module : facts.importing) chain += (chain.empty() ? "" : " > ") + module.name;
  std::string how;
  if (!chain.empty()) {
    how = " while it imports " + chain;
  } else if (lock.kind == WaitKind::import_lock) {
    how = fmt::format(" ({})", facts.import_lock_evidence);
  }
  return fmt::format("{} holds the {}{}.", label(facts), lock.lock, how);
}

std::string waiters(std::size_t number) {
  return count(number, "thread") + (number == 1 ? " waits" : " wait");
}

}  // namespace importlock
