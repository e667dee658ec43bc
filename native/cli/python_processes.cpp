#include "cli/python_processes.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <map>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"
#include "cpython/image.hpp"
#include "target/mapping.hpp"

namespace importlock::cli {

namespace {

namespace fs = std::filesystem;

/// Remembers of each file whether it holds CPython.
class Files {
 public:
  bool holds_python(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
    const auto [entry, fresh] = known_.try_emplace({status.st_dev, status.st_ino}, false);
    if (!fresh) return entry->second;
    try {
      entry->second = importlock::holds_python(ElfFile::open(path));
    } catch (const Error&) {
      // Data files are mapped too.
    }
    return entry->second;
  }

 private:
  std::map<std::pair<dev_t, ino_t>, bool> known_;
};

bool runs_python(int pid, const std::vector<Mapping>& mappings, Files& files) {
  if (files.holds_python(fmt::format("/proc/{}/exe", pid))) return true;
  std::unordered_set<std::string_view> seen;
  return std::ranges::any_of(mappings, [&](const Mapping& mapping) {
    if (!seen.insert(mapping.path).second) return false;
    // The kernel lets only root follow a deleted file this way.
    const auto path = mapping.deleted ? fmt::format("/proc/{}/map_files/{:x}-{:x}", pid,
                                                    mapping.start.value(), mapping.end.value())
                                      : fmt::format("/proc/{}/root{}", pid, mapping.path);
    return files.holds_python(path);
  });
}

}  // namespace

PythonProcesses python_processes() {
  PythonProcesses result;
  Files files;
  std::vector<int> pids;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    int pid = 0;
    const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc{} && stop == name.data() + name.size()) pids.push_back(pid);
  }
  std::ranges::sort(pids);
  for (const int pid : pids) {
    try {
      // Threads of the kernel and zombies map nothing.
      const auto mappings = process_mappings(pid);
      if (!mappings.empty() && runs_python(pid, mappings, files)) {
        result.pids.push_back(std::to_string(pid));
      }
    } catch (const FileError& error) {
      if (error.error_number() == EACCES || error.error_number() == EPERM) ++result.unreadable;
    }
  }
  return result;
}

}  // namespace importlock::cli
