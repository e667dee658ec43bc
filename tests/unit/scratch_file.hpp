#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace importlock {

/// A copy of a file that is removed at the end.
class ScratchFile {
 public:
  explicit ScratchFile(const std::filesystem::path& original)
      : path_(std::filesystem::temp_directory_path() / ("importlock-" + std::to_string(getpid()))) {
    std::filesystem::copy_file(original, path_, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::permissions(
        path_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() { std::filesystem::remove(path_); }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace importlock
