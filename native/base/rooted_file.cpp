#include "base/rooted_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace importlock {

namespace {

// A program's files are some ten folders deep, behind a link or two.
constexpr std::size_t most_steps = 512;
constexpr std::size_t most_names = 256;

struct Place {
  Descriptor folder;
  std::string name;
};

/// What a call to open a file gave, of `path`.
Descriptor opened(long result, const std::string& path) {
  if (result < 0 && FileError::is_shortage(errno)) throw FileError(path, errno);
  return Descriptor(static_cast<int>(result));
}

std::vector<std::string> names_in(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const auto length = std::min(path.find('/'), path.size());
    const auto name = path.substr(0, length);
    if (!name.empty() && name != ".") names.emplace_back(name);
    path.remove_prefix(std::min(length + 1, path.size()));
  }
  return names;
}

std::string link_at(int link) {
  std::array<char, 4096> text{};
  const auto length = ::readlinkat(link, "", text.data(), text.size());
  return {text.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

/// The folder and the name to which `path` leads below `root`, by one name after the other.
std::optional<Place> place_below(const std::string& root, std::string_view path) {
  auto names = names_in(path);
  std::size_t steps = 0;
  while (!names.empty() && names.size() <= most_names) {
    auto here = opened(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), root);
    bool changed = false;
    for (std::size_t i = 0; i < names.size() && !changed; ++i) {
      const auto at = names.begin() + static_cast<std::ptrdiff_t>(i);
      if (++steps > most_steps || here.number() < 0) return std::nullopt;
      if (names[i] == "..") {
        // What comes before it is no link: those were followed.
        names.erase(i == 0 ? at : at - 1, at + 1);
        changed = true;
        continue;
      }
      auto next = opened(::openat(here.number(), names[i].c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC),
                         names[i]);
      struct stat status {};
      if (next.number() < 0 || ::fstat(next.number(), &status) != 0) return std::nullopt;
      if (S_ISLNK(status.st_mode)) {
        const auto text = link_at(next.number());
        if (text.empty()) return std::nullopt;
        const auto target = names_in(text);
        const auto start = text.front() == '/' ? names.begin() : at;
        const auto rest = names.erase(start, at + 1);
        names.insert(rest, target.begin(), target.end());
        changed = true;
      } else if (i + 1 == names.size()) {
        return Place{std::move(here), std::move(names[i])};
      } else {
        here = std::move(next);
      }
    }
  }
  return std::nullopt;
}

/// An O_PATH descriptor of what `path` is below `root`, negative for none; nothing where the kernel
/// has no openat2(2) or a filter of system calls does not let it through.
std::optional<Descriptor> resolved_by_kernel(const std::string& root, const std::string& path) {
  const auto top = opened(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), root);
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  const auto result = ::syscall(SYS_openat2, top.number(), path.c_str(), &how, sizeof(how));
  // EAGAIN: folders were moved meanwhile.
  if (result < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN)) return std::nullopt;
  return opened(result, path);
}

bool is_regular(int folder, const std::string& name, int flags) {
  struct stat status {};
  return ::fstatat(folder, name.c_str(), &status, flags) == 0 && S_ISREG(status.st_mode);
}

Descriptor open_at(int folder, const std::string& name, bool follow) {
  if (!is_regular(folder, name, follow ? 0 : AT_SYMLINK_NOFOLLOW)) return Descriptor(-1);
  // O_NONBLOCK: it may have become a fifo.
  auto file =
      opened(::openat(folder, name.c_str(),
                      O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW)),
             name);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) return Descriptor(-1);
  return file;
}

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Descriptor open_regular(const std::string& root, const std::string& path) {
  if (root.empty()) return open_at(AT_FDCWD, path, true);
  const auto found = resolved_by_kernel(root, path);
  if (!found) return open_regular_by_names(root, path);
  struct stat status {};
  if (::fstat(found->number(), &status) != 0 || !S_ISREG(status.st_mode)) return Descriptor(-1);
  return opened(
      ::open(fmt::format("/proc/self/fd/{}", found->number()).c_str(), O_RDONLY | O_CLOEXEC), path);
}

Descriptor open_regular_by_names(const std::string& root, const std::string& path) {
  const auto place = place_below(root, path);
  return place ? open_at(place->folder.number(), place->name, false) : Descriptor(-1);
}

}  // namespace importlock
