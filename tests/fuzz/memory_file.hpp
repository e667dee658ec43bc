#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>

namespace importlock {

/// A file in memory that has a path, for code that opens files.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> contents)
      : descriptor_(::memfd_create("importlock", MFD_CLOEXEC)) {
    const auto size = static_cast<ssize_t>(contents.size());
    if (descriptor_ < 0 || ::write(descriptor_, contents.data(), contents.size()) != size) {
      std::abort();
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }

  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace importlock
