#include "diagnosis/wording.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "diagnosis/phrases.hpp"

namespace importlock {

bool Wording::wanted(const HeldLock& held) const {
  return std::ranges::any_of(found_.report.threads, [&](const ThreadReport& other) {
    return other.waits_for && other.waits_for->lock == held.lock;
  });
}

std::string Wording::who_could_end_it(const std::vector<bool>& progress) const {
  constexpr std::size_t most_named = 3;
  std::string names;
  std::size_t number = 0;
  for (Index i = 0; i < progress.size(); ++i) {
    const auto& waits = found_.report.threads[i].waits_for;
    const bool on_its_own = !waits || !waits->lwp;
    if (!progress[i] || !on_its_own || i == *found_.owner || !found_.facts(i).python) continue;
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
      return fmt::format(" while it holds {}{} since {}", held.name.empty() ? "the " : "",
                         held.name.empty() ? held.what : held.name, place(held.file, held.line));
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

std::string Wording::chain_clause(const Cycle& cycle) const {
  std::string clause;
  for (Index step = 0; step < cycle.size(); ++step) {
    const auto& waits = found_.wait(cycle[step]);
    if (step > 0) clause += " waits for ";
    if (step + 1 == cycle.size()) {
      clause += phrase(waits);
      if (!waits.because.empty()) clause += fmt::format(" ({})", waits.because);
      break;
    }
    const auto next = label(found_.facts(cycle[step + 1]));
    if (waits.kind == WaitKind::join) {
      clause += next + ", which";
    } else if (waits.lwp) {
      clause += fmt::format("{} that {} holds, which", phrase(waits), next);
    } else {
      clause += fmt::format("{} that no thread can {}, since {}", phrase(waits),
                            verb_that_ends(waits.kind), next);
    }
  }
  return clause;
}

std::string Wording::uncertainty(const Cycle& cycle) const {
  const auto timed = std::ranges::find_if(cycle, [&](Index i) { return found_.wait(i).timed; });
  if (timed != cycle.end()) {
    return fmt::format("{} waits with a time-out, so this ends only if its code gives up waiting.",
                       label(found_.facts(*timed)));
  }
  const auto outside = std::ranges::count_if(
      found_.report.threads, [](const ThreadReport& thread) { return !thread.facts.python; });
  if (outside > 0) {
    return fmt::format("{} outside Python could still end it.",
                       count(static_cast<Index>(outside), "thread"));
  }
  return "A thread that wakes from time to time could still end it.";
}

std::string Wording::advice(const Cycle& cycle, const std::string& start) const {
  const auto& owners = found_.wait(*found_.owner);
  const auto where = own_place_of(found_.facts(*found_.owner), owners.frame);
  const auto last = cycle.back();
  if (std::ranges::any_of(cycle, [&](Index i) { return found_.wait(i).kind == WaitKind::gil; })) {
    return stuck_gil_advice();
  }
  std::string text;
  if (owners.lwp && (owners.kind == WaitKind::lock || owners.kind == WaitKind::rlock)) {
    if (cycle.size() == 1) {
      return fmt::format("Take the {} once only ({}), or make it an RLock.", owners.what, where);
    }
    const auto needs = found_.wait(last).because.empty() ? "the import" : found_.wait(last).because;
    text = fmt::format(
        "Do not import with the {} held: have {} done before the lock is taken ({}), for example "
        "at the top of its module; and keep the import of {} from taking that lock ({}).",
        owners.what, needs, own_place_of(found_.facts(last), found_.wait(last).frame), module(),
        where);
  } else {
    text = fmt::format(
        "Keep the import of {} free of waits: move the lines that start the thread{} and wait "
        "for it ({}) into a function such as main(), and call it after the import has ended.",
        module(), start.empty() ? "" : fmt::format(" ({})", start), where);
  }
  if (found_.wait(last).because == "codec lookup") {
    text += " Or look that codec up once before, with codecs.lookup().";
  }
  return text;
}

std::string Wording::advice_for_cycle_without_import(const Cycle& cycle) const {
  const bool locks = std::ranges::all_of(cycle, [&](Index i) {
    return found_.wait(i).kind == WaitKind::lock || found_.wait(i).kind == WaitKind::rlock;
  });
  if (cycle.size() == 1 && locks) return "Take that lock once only, or make it an RLock.";
  std::string places;
  for (const auto i : cycle) {
    places += places.empty() ? "" : locks ? "; " : ", ";
    for (const auto& held : found_.facts(i).held) {
      if (locks && wanted(held)) places += place(held.file, held.line) + " then ";
    }
    places += own_place_of(found_.facts(i), found_.wait(i).frame);
  }
  return locks ? fmt::format("Take these locks in one order everywhere ({}).", places)
               : fmt::format("Break the circle of waits at one of {}.", places);
}

std::string Wording::stuck_gil_clause() const {
  const auto& holder = found_.report.threads[*found_.gil_holder];
  return fmt::format("{} keeps the GIL while it {}, so no other Python code can run",
                     label(holder.facts), waits_clause(*holder.waits_for));
}

std::string Wording::stuck_gil_advice() const {
  const auto at = own_place_of(found_.facts(*found_.gil_holder), 0);
  return fmt::format(
      "The C code called{} must release the GIL while it waits (Py_BEGIN_ALLOW_THREADS; with "
      "ctypes, CDLL in place of PyDLL).",
      at.empty() ? "" : " at " + at);
}

const ThreadStart* Wording::start_of(Index i) const {
  const auto& starts = found_.facts(*found_.owner).starts;
  const auto found = std::ranges::find_if(
      starts, [&](const ThreadStart& start) { return start.started == found_.facts(i).ident; });
  return found == starts.end() ? nullptr : &*found;
}

std::string Wording::module() const {
  const auto& importing = found_.facts(*found_.owner).importing;
  return importing.empty() ? "the module" : importing.back().name;
}

std::string Wording::importing() const {
  const auto& importing = found_.facts(*found_.owner).importing;
  return importing.empty() ? "" : fmt::format(", importing {},", importing.back().name);
}

std::string Wording::while_importing() const {
  return found_.facts(*found_.owner).importing.empty() ? "" : " while importing " + module();
}

std::string Wording::waiters() const {
  const auto number = found_.import_waiters.size();
  return count(number, "thread") + (number == 1 ? " waits" : " wait");
}

std::string Wording::hold_sentence() const {
  std::string chain;
  for (const auto& module : found_.facts(*found_.owner).importing) {
    chain += (chain.empty() ? "" : " > ") + module.name;
  }
  const auto& evidence = found_.facts(*found_.owner).import_lock_evidence;
  return fmt::format(
      "{} holds the import lock{}.", label(found_.facts(*found_.owner)),
      chain.empty() ? fmt::format(" ({})", evidence) : fmt::format(" while it imports {}", chain));
}

}  // namespace importlock
