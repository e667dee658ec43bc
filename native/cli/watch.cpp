#include "cli/watch.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "cli/look.hpp"
#include "cli/output.hpp"
#include "cli/results.hpp"
#include "render/escape.hpp"

namespace importlock::cli {

namespace {

void sleep_for(double seconds) {
  timespec rest{};
  rest.tv_sec = static_cast<time_t>(seconds);
  rest.tv_nsec = static_cast<long>((seconds - static_cast<double>(rest.tv_sec)) * 1e9);
  while (::clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, &rest) != 0) {
  }
}

/// What has changed between two looks; empty where nothing has.
std::string change(const Outcome& before, const Outcome& after) {
  if (!before.report || !after.report) {
    return before.report || after.report ? "it can no longer be looked at" : "";
  }
  const auto& was = *before.report;
  const auto& is = *after.report;
  if (was.import_lock_owner != is.import_lock_owner) return "the import lock has changed hands";
  if (was.import_lock_state != is.import_lock_state) return "the import lock has changed its state";
  if (was.verdict.kind != is.verdict.kind) return "the verdict has changed";
  if (was.verdict.cycle != is.verdict.cycle) return "the cycle has changed";
  if (was.import_lock_waiters != is.import_lock_waiters) return "other threads wait";
  return "";
}

const ThreadReport* owner_of(const Report& report) {
  const auto found = std::ranges::find_if(report.threads, [&](const ThreadReport& thread) {
    return report.import_lock_owner && thread.facts.lwp == report.import_lock_owner;
  });
  return found == report.threads.end() ? nullptr : &*found;
}

/// "the owner, LWP 7, has not moved (a.py:3)".
std::string movement_of_owner(const Report& before, const Report& after) {
  const auto* const was = owner_of(before);
  const auto* const is = owner_of(after);
  if (was == nullptr || is == nullptr) return "the import lock has no owner";
  const auto place = [](const Frame& frame) {
    return fmt::format("{}:{}", frame.file.str(), frame.line);
  };
  const auto at = is->facts.frames.empty() ? "no Python frame" : place(is->facts.frames.front());
  const bool same =
      std::ranges::equal(was->facts.frames, is->facts.frames, [&](const Frame& a, const Frame& b) {
        return a.line == b.line && a.function == b.function && a.file == b.file;
      });
  return fmt::format("the owner, LWP {}, {} ({})", *after.import_lock_owner,
                     same ? "has not moved" : "has moved", at);
}

}  // namespace

int watch(const Options& options) {
  const auto& target = options.targets.front();
  const auto show = [&](const Outcome& outcome) {
    Results results(options, 1);
    results.add(outcome);
    return results.finish();
  };
  auto outcome = look_at(target, options);
  auto status = show(outcome);
  while (outcome.report) {
    flush_output();
    sleep_for(*options.watch);
    auto next = look_at(target, options);
    const auto changed = change(outcome, next);
    if (outcome.report && next.report) {
      write(fmt::format("{}{}\n", changed.empty() ? "" : changed + "; ",
                        escaped(movement_of_owner(*outcome.report, *next.report))));
    }
    outcome = std::move(next);
    if (changed.empty()) continue;
    write("\n");
    status = show(outcome);
    break;
  }
  return status;
}

}  // namespace importlock::cli
