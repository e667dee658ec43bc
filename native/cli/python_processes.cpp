#include "cli/python_processes.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"
#include "cpython/image.hpp"
#include "target/mapping.hpp"
#include "target/own_proc.hpp"
#include "target/permission.hpp"
#include "target/proc_file.hpp"

namespace importlock::cli {

namespace {

/// Remembers of each file whether it holds CPython.
class Files {
 public:
  /// Throws FileError where that cannot be told.
  bool holds_python(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      if (FileError::is_none(errno)) return false;
      throw FileError(path, errno);
    }
    if (!S_ISREG(status.st_mode)) return false;
    const std::pair identity(status.st_dev, status.st_ino);
    const auto found = known_.find(identity);
    if (found != known_.end()) return found->second;
    return known_[identity] = read(path);
  }

 private:
  static bool read(const std::string& path) {
    try {
      return importlock::holds_python(ElfFile::open(path));
    } catch (const FileError& error) {
      if (!error.none()) throw;
    } catch (const Error&) {
      // Data files are mapped too.
    }
    return false;
  }

  std::map<std::pair<dev_t, ino_t>, bool> known_;
};

/// Throws FileError where that cannot be told.
bool runs_python(int pid, const std::vector<Mapping>& mappings, Files& files) {
  std::optional<FileError> unreadable;
  const auto holds = [&](const std::string& path, bool likely) {
    try {
      return files.holds_python(path);
    } catch (const FileError& error) {
      if (likely || error.shortage()) unreadable = error;
      return false;
    }
  };
  if (holds(fmt::format("/proc/{}/exe", pid), true)) return true;
  std::unordered_set<std::string_view> seen;
  for (const auto& mapping : mappings) {
    if (!seen.insert(mapping.path).second) continue;
    // The kernel lets only root follow a deleted file this way.
    const auto path = mapping.deleted ? fmt::format("/proc/{}/map_files/{:x}-{:x}", pid,
                                                    mapping.start.value(), mapping.end.value())
                                      : fmt::format("/proc/{}/root{}", pid, mapping.path);
    if (holds(path, mapping.path.find("libpython") != mapping.path.npos)) return true;
  }
  if (unreadable) throw *unreadable;
  return false;
}

bool runs_python(int pid, Files& files) {
  auto mappings = process_mappings(pid);
  // Threads of the kernel and zombies map nothing; other threads than the main one may live on.
  if (mappings.empty()) {
    const auto lwp = living_thread(pid);
    if (!lwp || *lwp == pid) return false;
    pid = *lwp;
    mappings = process_mappings(pid);
  }
  return runs_python(pid, mappings, files);
}

/// Of many processes one reason, which names none.
std::string why_skipped(int pid, int error_number) {
  if (error_number != EACCES && error_number != EPERM) return meaning_of(error_number);
  const auto facts = access_facts(pid);
  const bool of_another = facts.our_user != facts.their_user;
  if (facts.our_user != 0 && of_another && !facts.cap_sys_ptrace) {
    return "of other users; run this with sudo";
  }
  return why_denied(facts);
}

}  // namespace

std::string PythonProcesses::what_was_skipped() const {
  if (skipped.empty() && !hidden) return "";
  std::size_t all = 0;
  std::vector<std::string> reasons;
  for (const auto& [reason, count] : skipped) {
    all += count;
    reasons.push_back(skipped.size() > 1 || hidden ? fmt::format("({}) {}", count, reason)
                                                   : reason);
  }
  if (hidden) {
    reasons.emplace_back(
        "those that /proc hides, which is mounted with hidepid; run this with sudo");
  }
  return fmt::format("{} skipped: {}",
                     all == 1  ? "1 process was"
                     : all > 1 ? fmt::format("{} processes were", all)
                               : "an unknown number of processes was",
                     fmt::join(reasons, "; "));
}

PythonProcesses python_processes() {
  require_own_proc();
  PythonProcesses result;
  Files files;
  for (const int pid : ProcFolder("/proc").ids()) {
    try {
      if (runs_python(pid, files)) result.pids.push_back(std::to_string(pid));
    } catch (const FileError& error) {
      if (!error.none()) ++result.skipped[why_skipped(pid, error.error_number())];
    }
  }
  result.hidden = hides_processes();
  return result;
}

}  // namespace importlock::cli
