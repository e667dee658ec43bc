#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace importlock::cli {

struct PythonProcesses {
  std::vector<std::string> pids;               ///< in numerical order
  std::map<std::string, std::size_t> skipped;  ///< how many could not be looked into, by the reason
  bool hidden = false;                         ///< /proc may not list all
  /// How many were skipped and why, one line; empty where none was.
  [[nodiscard]] std::string what_was_skipped() const;
};

/// The processes of this host that have CPython mapped: those of whose mapped files one exports
/// its marks. Each file is read once, however many processes map it. Throws an Error where /proc
/// cannot be listed.
PythonProcesses python_processes();

}  // namespace importlock::cli
