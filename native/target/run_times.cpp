#include "target/run_times.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.hpp"
#include "target/proc_file.hpp"

namespace importlock {

std::map<std::string, std::string> run_times(int pid) {
  std::map<std::string, std::string> times;
  std::error_code error;
  std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", pid), error);
  for (; !error && tasks != std::filesystem::directory_iterator(); tasks.increment(error)) {
    try {
      times.emplace(tasks->path().filename(), read_proc_file(tasks->path() / "schedstat"));
    } catch (const FileError&) {
      return {};
    }
  }
  if (error) times.clear();
  return times;
}

}  // namespace importlock
