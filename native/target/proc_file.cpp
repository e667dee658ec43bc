#include "target/proc_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/error.hpp"

namespace importlock {

std::string read_proc_file(const std::string& path) {
  const ProcFile file(AT_FDCWD, path);
  std::string text(1024, '\0');
  std::size_t used = 0;
  while (const auto got = file.read(std::span(text).subspan(used), used)) {
    used += got;
    if (used == text.size()) text.resize(text.size() * 4);
  }
  text.resize(used);
  return text;
}

ProcFile::ProcFile(int directory, std::string name)
    : name_(std::move(name)),
      descriptor_(::openat(directory, name_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw FileError(name_, errno);
}

ProcFile::~ProcFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::size_t ProcFile::read(std::span<char> into, std::size_t from) const {
  const auto got = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(from));
  if (got < 0) throw FileError(name_, errno);
  return static_cast<std::size_t>(got);
}

std::string ProcFile::line() const {
  std::array<char, 256> line;
  return {line.data(), read(line, 0)};
}

std::string read_proc_line_at(int directory, const std::string& name) {
  return ProcFile(directory, name).line();
}

ProcFolder::ProcFolder(const std::string& path) : path_(path), stream_(::opendir(path.c_str())) {
  if (!stream_) throw FileError(path, errno);
}

std::vector<int> ProcFolder::ids() {
  std::vector<int> result;
  ::rewinddir(stream_.get());
  while (true) {
    errno = 0;  // readdir gives null at the end and for an error
    const auto* const entry = ::readdir(stream_.get());
    if (entry == nullptr) break;
    const std::string_view digits(static_cast<const char*>(entry->d_name));
    int id = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (error == std::errc{} && end == digits.data() + digits.size()) result.push_back(id);
  }
  if (errno != 0) throw FileError(path_, errno);
  std::ranges::sort(result);
  return result;
}

bool has_ended(std::string_view stat) {
  // The second field is the name, which may hold anything, in parentheses.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos || stat.size() < name_end + 3) return false;
  const char state = stat[name_end + 2];
  return state == 'Z' || state == 'X';
}

std::optional<Lwp> living_thread(int pid) {
  if (!has_ended(read_proc_file(fmt::format("/proc/{}/stat", pid)))) return pid;
  const auto folder = fmt::format("/proc/{}/task", pid);
  for (const auto lwp : ProcFolder(folder).ids()) {
    try {
      if (!has_ended(read_proc_file(fmt::format("{}/{}/stat", folder, lwp)))) return lwp;
    } catch (const FileError& error) {
      if (!error.none()) throw;
    }
  }
  return std::nullopt;
}

std::string_view status_field(std::string_view status, std::string_view key) {
  while (!status.empty()) {
    auto line = status.substr(0, status.find('\n'));
    status.remove_prefix(std::min(line.size() + 1, status.size()));
    if (!line.starts_with(key) || !line.substr(key.size()).starts_with(':')) continue;
    line.remove_prefix(key.size() + 1);
    const auto start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) return {};
    return line.substr(start, line.find_last_not_of(" \t") - start + 1);
  }
  return {};
}

std::optional<std::uint64_t> status_number(int pid, Lwp lwp, std::string_view key) {
  try {
    const auto status = read_proc_file(fmt::format("/proc/{}/task/{}/status", pid, lwp));
    auto digits = status_field(status, key);
    digits.remove_prefix(digits.find_last_of(" \t") + 1);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc{} ? std::optional(number) : std::nullopt;
  } catch (const FileError& error) {
    if (!error.none()) throw;
    return std::nullopt;
  }
}

}  // namespace importlock
