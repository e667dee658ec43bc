#include "target/source_lines.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/rooted_file.hpp"

namespace importlock {

namespace {

constexpr std::size_t largest_source = std::size_t{1} << 20;
constexpr std::size_t most_kept = std::size_t{16} << 20;  // of all files
constexpr std::size_t longest_line = 1000;
constexpr std::size_t most_files = 4'096;

std::string read_regular(const std::string& root, const std::string& path) {
  const auto file = open_regular(root, path);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return {};
  if (static_cast<std::uint64_t>(status.st_size) > largest_source) return {};
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  const auto got = ::pread(file.number(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace

std::optional<std::string> SourceLines::line(const std::string& file, int number) {
  const auto [entry, fresh] = sources_.try_emplace(file);
  if (fresh && kept_ < most_kept && sources_.size() <= most_files) {
    entry->second = read(file);
    const auto& source = entry->second;
    kept_ += source.text.size() + source.starts.capacity() * sizeof source.starts[0];
  }
  const auto& [text, starts] = entry->second;
  if (number < 1 || static_cast<std::size_t>(number) > starts.size()) return std::nullopt;
  auto line = std::string_view(text).substr(starts[static_cast<std::size_t>(number) - 1]);
  line = line.substr(0, line.find('\n'));
  const auto start = line.find_first_not_of(" \t\f\r");
  if (start == std::string_view::npos) return std::nullopt;
  line = line.substr(start, line.find_last_not_of(" \t\r\f") - start + 1);
  return std::string(line.substr(0, longest_line));
}

SourceLines::Source SourceLines::read(const std::string& file) const {
  if (file.empty() || file.front() == '<') return {};
  std::vector<std::pair<std::string, std::string>> places;  // a root, and a path below it
  const auto add = [&](const std::string& path) {
    for (const auto& root : files_.roots) {
      // What our own root has under the path of a live process may be another file.
      if (!root.empty() || !files_.live_pid) places.emplace_back(root, path);
    }
  };
  if (file.front() == '/') {
    add(file);
  } else {
    std::error_code none;
    const auto folder = std::filesystem::read_symlink(files_.working_directory.value_or(""), none);
    if (!none) add((folder / file).string());
    if (!script_folder_.empty() && file.find('/') == std::string::npos) {
      add(script_folder_ + "/" + file);
    }
  }
  for (const auto& [root, path] : places) {
    Source source;
    source.text = read_regular(root, path);
    if (source.text.empty()) continue;
    for (std::size_t at = 0; at < source.text.size();) {
      source.starts.push_back(at);
      at = std::min(source.text.find('\n', at), source.text.size()) + 1;
    }
    return source;
  }
  return {};
}

}  // namespace importlock
