#pragma once

#include <dirent.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.hpp"

namespace importlock {

/// The whole text of a file of /proc, whose size the kernel does not tell beforehand. Throws
/// FileError.
std::string read_proc_file(const std::string& path);

/// The one line of `name` in the folder that `directory` has open, which the kernel gives in one
/// read. Throws FileError.
std::string read_proc_line_at(int directory, const std::string& name);

/// A file of /proc, which may be read more than once: opening it takes longer than reading it.
class ProcFile {
 public:
  /// Throws FileError.
  ProcFile(int directory, std::string name);
  ProcFile(ProcFile&& other) noexcept
      : name_(std::move(other.name_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  ProcFile& operator=(ProcFile&&) = delete;
  ~ProcFile();

  /// Reads from the byte `from` on, and tells how many there were; 0 at the end. Throws FileError.
  [[nodiscard]] std::size_t read(std::span<char> into, std::size_t from) const;
  /// What its one line is now. Throws FileError.
  [[nodiscard]] std::string line() const;

 private:
  std::string name_;
  int descriptor_;
};

/// A folder of /proc of which the entries are ids: /proc itself, or /proc/PID/task.
class ProcFolder {
 public:
  /// Throws FileError.
  explicit ProcFolder(const std::string& path);

  [[nodiscard]] int descriptor() const { return ::dirfd(stream_.get()); }
  /// The ids in numerical order. Throws FileError where not all of them could be read.
  std::vector<int> ids();

 private:
  struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  std::string path_;
  std::unique_ptr<DIR, Close> stream_;
};

/// Whether the text of a file `stat` (proc_pid_stat(5)) is that of a process or thread that has
/// ended and is kept for its parent to take note.
bool has_ended(std::string_view stat);

/// The thread of live process `pid` by which its files and memory can be read: the main thread, or,
/// where that has ended while others live, one of those: /proc has a folder /proc/LWP for each,
/// though it lists only those of processes (fs/proc/base.c, proc_pid_lookup). Nothing where all
/// have ended. Throws FileError.
std::optional<Lwp> living_thread(int pid);

/// What follows "KEY:" in text of the shape of /proc/PID/status, without the white space around it;
/// empty where no line begins so.
std::string_view status_field(std::string_view status, std::string_view key);

/// The number after "KEY:" in /proc/PID/task/LWP/status, the last where there are several; nothing
/// where there is no such thread or no such line. Throws FileError where that cannot be told.
std::optional<std::uint64_t> status_number(int pid, Lwp lwp, std::string_view key);

}  // namespace importlock
