#include "cli/look.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "cli/memory_limit.hpp"
#include "cpython/capture.hpp"
#include "diagnosis/diagnose.hpp"
#include "diagnosis/lasting.hpp"
#include "target/core_target.hpp"
#include "target/process_target.hpp"
#include "target/times_run.hpp"

namespace importlock::cli {

namespace {

FileLookup files_of(const Options& options) {
  FileLookup files;
  files.executable = options.executable;
  if (!options.sysroot.empty()) {
    files.roots.push_back(options.sysroot);
    files.search_directories.push_back(options.sysroot);
    files.debug_directories.push_back(options.sysroot + "/usr/lib/debug");
  }
  files.debug_directories.insert(files.debug_directories.end(), options.debug_directories.begin(),
                                 options.debug_directories.end());
  files.debug_directories.emplace_back("/usr/lib/debug");
  files.how_to_give =
      "--exe FILE (the executable) or --sysroot DIR (a copy of its root, or a folder that holds "
      "it)";
  return files;
}

/// Of an orphaned lock, the thread that has the id of its owner all the same.
std::optional<Lwp> namesake(const Report& report) {
  const auto& owner = report.import_lock.owner;
  if (report.verdict.kind != VerdictKind::orphaned || !owner || !*owner) return std::nullopt;
  const auto thread = std::ranges::find_if(report.threads, [&](const ThreadReport& each) {
    return each.facts.lwp && each.facts.ident == **owner;
  });
  return thread == report.threads.end() ? std::nullopt : thread->facts.lwp;
}

Report report_of_process(int pid, const Options& options) {
  constexpr int most_looks = 5;
  // Longer than a thread that runs is kept off its CPU, as a rule.
  constexpr std::chrono::milliseconds pause{30};
  bool still = false;
  const auto look = [&] {
    auto opened = process_target(pid, files_of(options));
    auto snapshot = capture(opened, {options.locals});
    still = snapshot.stood_still;
    return diagnose(std::move(snapshot));
  };
  const auto look_past_turns = [&] {
    constexpr std::chrono::milliseconds part_of_a_wait{3};
    auto report = look();
    for (int number = 1; may_wait_for_gil(report) && number < most_looks; ++number) {
      std::this_thread::sleep_for(part_of_a_wait);
      report = look();
    }
    return report;
  };
  auto report = look_past_turns();
  // As good as a process that was stopped: nobody ran while it was looked at.
  if (report.status() != 1 || still) return report;
  for (int number = 1; report.status() == 1 && number < most_looks; ++number) {
    const auto one = namesake(report);
    const auto times = one ? times_run(pid, *one) : std::nullopt;
    std::this_thread::sleep_for(pause);
    auto next = look_past_turns();
    if (next.status() == 1 && still) return next;
    // A thread that takes the lock and waits for it by turns can be met twice between the two, and
    // then looks like one that waits for what it has.
    const bool waited = !one || (times && times_run(pid, *one) == times);
    if (waited && same_hang(report, next)) return next;
    report = std::move(next);
  }
  doubt_hang(report);
  return report;
}

}  // namespace

TargetInfo Outcome::named() const {
  if (pid) return {TargetKind::process, pid, "", std::nullopt};
  return {TargetKind::core, std::nullopt, "", target};
}

std::optional<int> pid_of(const std::string& target) {
  int pid = 0;
  const auto* const end = target.data() + target.size();
  const auto [stop, error] = std::from_chars(target.data(), end, pid);
  return error == std::errc{} && stop == end && pid > 0 ? std::optional(pid) : std::nullopt;
}

Outcome look_at(const std::string& target, const Options& options) {
  Outcome outcome;
  outcome.target = target;
  outcome.pid = pid_of(target);
  try {
    if (outcome.pid) {
      outcome.report = report_of_process(*outcome.pid, options);
    } else {
      auto opened = core_target(target, files_of(options));
      outcome.report = diagnose(capture(opened, {options.locals}));
    }
  } catch (const Error& error) {
    outcome.error = error.what();
  } catch (const std::bad_alloc&) {
    outcome.error = out_of_memory;
  }
  return outcome;
}

}  // namespace importlock::cli
