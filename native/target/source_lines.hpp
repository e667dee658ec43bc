#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "target/target.hpp"

namespace importlock {

/// Lines of the target's source files, each file read once and bounded. Only regular files
/// are read: a name from the target may lead to a fifo or a device.
class SourceLines {
 public:
  /// `files` must outlive this.
  explicit SourceLines(const FileLookup& files) : files_(files) {}

  /// sys.path[0] of the target: the folder of the script, for its relative co_filename.
  void set_script_folder(std::string folder) { script_folder_ = std::move(folder); }

  /// Line `number` of `file`, counted from 1, without the white space around it; nothing where the
  /// file is not at hand or the line is blank.
  std::optional<std::string> line(const std::string& file, int number);

 private:
  struct Source {
    std::unique_ptr<char[]> bytes;  ///< not a string, whose bytes would be set before they are read
    std::size_t size = 0;
    std::vector<std::uint32_t> starts{0};  ///< of its lines, as far as they have been asked for
  };
  /// The text from the start of line `number` on; empty where there is none.
  std::string_view from_line(Source& source, std::size_t number);
  static Source read_regular(const std::string& root, const std::string& path);
  Source read(const std::string& file) const;

  const FileLookup& files_;
  std::string script_folder_;
  std::unordered_map<std::string, Source> sources_;
  std::size_t kept_ = 0;  ///< bytes in sources_
};

}  // namespace importlock
