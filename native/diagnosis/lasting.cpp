#include "diagnosis/lasting.hpp"

#include <algorithm>

namespace importlock {

bool same_hang(const Report& first, const Report& second) {
  return first.verdict.kind == second.verdict.kind && first.verdict.cycle == second.verdict.cycle &&
         first.status() == second.status() && first.import_lock_owner == second.import_lock_owner &&
         first.import_lock.owner.has_value() == second.import_lock.owner.has_value() &&
         (!first.import_lock.owner || *first.import_lock.owner == *second.import_lock.owner) &&
         first.gil_holder == second.gil_holder;
}

bool may_wait_for_gil(const Report& report) {
  const auto runs = [](const ThreadReport& thread) {
    const auto& call = thread.facts.system_call;
    return thread.facts.lwp && thread.facts.python && call && !*call;
  };
  const auto joins_what_begins = [&](const ThreadReport& joiner) {
    const auto& waits = joiner.waits_for;
    return waits && waits->kind == WaitKind::join && waits->lwp &&
           std::ranges::any_of(report.threads, [&](const ThreadReport& joined) {
             const auto& call = joined.facts.system_call;
             return joined.facts.lwp == waits->lwp && !joined.facts.python && call && !*call;
           });
  };
  if (report.python.free_threaded && std::ranges::any_of(report.threads, joins_what_begins)) {
    return true;
  }
  const auto keeps_own_gil = [](const ThreadReport& thread) {
    return thread.facts.own_gil && thread.facts.has_gil && thread.waits_for;
  };
  const auto runs_beside = [&](const ThreadReport& thread) {
    return thread.facts.own_gil && runs(thread);
  };
  if (std::ranges::any_of(report.threads, keeps_own_gil) &&
      std::ranges::any_of(report.threads, runs_beside)) {
    return true;
  }
  if (report.gil_state != GilState::held || !report.gil_holder) return false;
  return std::ranges::any_of(report.threads, [&](const ThreadReport& holder) {
    if (holder.facts.lwp != report.gil_holder) return false;
    if (runs(holder)) return holder.facts.states > 1;
    const bool waits = holder.waits_for && holder.waits_for->kind != WaitKind::gil;
    return waits && std::ranges::any_of(report.threads, runs);
  });
}

void doubt_hang(Report& report) {
  // What stalls may well change from look to look, and does not claim to last.
  if (report.status() != 1 || report.verdict.kind == VerdictKind::stalled) return;
  report.verdict = Verdict{};
  report.verdict.summary = "The process runs on, and no two looks at it found the same hang.";
  report.verdict.advice = "Look again, or look with gdb, which stops it.";
  report.problems.emplace_back("each look at the running process found it in another state");
}

}  // namespace importlock
