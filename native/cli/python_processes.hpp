#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace importlock::cli {

struct PythonProcesses {
  std::vector<std::string> pids;  ///< in numerical order
  std::size_t unreadable = 0;     ///< processes that may not be looked into
};

/// The processes of this host that have CPython mapped: those of whose mapped files one exports
/// its marks. Each file is read once, however many processes map it.
PythonProcesses python_processes();

}  // namespace importlock::cli
