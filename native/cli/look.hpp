#pragma once

#include <optional>
#include <string>

#include "cli/options.hpp"
#include "model/report.hpp"

namespace importlock::cli {

/// What came of one target.
struct Outcome {
  std::string target;            ///< as the user named it
  std::optional<int> pid;        ///< where that is a process
  std::optional<Report> report;  ///< empty: it could not be looked at
  std::string error;             ///< why not, one line
  /// The exit status of the contract.
  [[nodiscard]] int status() const { return report ? report->status() : 2; }
  /// What is known of a target without having looked at it.
  [[nodiscard]] TargetInfo named() const;
};

/// The pid that `target` is; nothing where it is a path. A file whose name is a number is ./NUMBER.
std::optional<int> pid_of(const std::string& target);

/// Looks at one target, a pid or the path of a core, and concludes. A process that runs on is said
/// to hang where two looks, a moment apart, found the same. Never throws an Error.
Outcome look_at(const std::string& target, const Options& options);

}  // namespace importlock::cli
