#include "target/source_lines.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
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

}  // namespace

std::optional<std::string> SourceLines::line(const std::string& file, int number) {
  const auto [entry, fresh] = sources_.try_emplace(file);
  if (fresh && kept_ < most_kept && sources_.size() <= most_files) {
    entry->second = read(file);
    kept_ += entry->second.size;
  }
  if (number < 1) return std::nullopt;
  auto line = from_line(entry->second, static_cast<std::size_t>(number));
  line = line.substr(0, line.find('\n'));
  const auto start = line.find_first_not_of(" \t\f\r");
  if (start == std::string_view::npos) return std::nullopt;
  line = line.substr(start, line.find_last_not_of(" \t\r\f") - start + 1);
  return std::string(line.substr(0, longest_line));
}

std::string_view SourceLines::from_line(Source& source, std::size_t number) {
  const std::string_view text(source.bytes.get(), source.size);
  auto& starts = source.starts;
  while (starts.size() < number) {
    const auto end = text.find('\n', starts.back());
    if (end == text.npos || kept_ >= most_kept) return {};
    starts.push_back(static_cast<std::uint32_t>(end + 1));
    kept_ += sizeof starts[0];
  }
  return text.substr(starts[number - 1]);
}

SourceLines::Source SourceLines::read_regular(const std::string& root, const std::string& path) {
  const auto file = open_regular(root, path);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return {};
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > largest_source) return {};
  Source source;
  source.bytes = std::make_unique_for_overwrite<char[]>(size);
  const auto got = ::pread(file.number(), source.bytes.get(), size, 0);
  if (got > 0) source.size = static_cast<std::size_t>(got);
  return source;
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
    if (auto source = read_regular(root, path); source.size > 0) return source;
  }
  return {};
}

}  // namespace importlock
