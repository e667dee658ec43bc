#include "target/source_lines.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace importlock {

namespace {

constexpr std::size_t largest_source = std::size_t{1} << 20;
constexpr std::size_t most_kept = std::size_t{16} << 20;  // of all files
constexpr std::size_t longest_line = 1000;
constexpr std::size_t most_files = 4'096;

std::string read_regular(const std::string& path) {
  struct stat status {};
  // To open a device can be to act on it.
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  // O_NONBLOCK: it may have become a fifo.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return {};
  std::string text;
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
      static_cast<std::uint64_t>(status.st_size) <= largest_source) {
    text.resize(static_cast<std::size_t>(status.st_size));
    const auto got = ::pread(descriptor, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  ::close(descriptor);
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
  std::vector<std::string> places;
  if (file.front() == '/') {
    for (const auto& root : files_.roots) places.push_back(root + file);
  } else {
    if (files_.working_directory) places.push_back(*files_.working_directory + "/" + file);
    if (!script_folder_.empty() && file.find('/') == std::string::npos) {
      const auto beside = script_folder_ + "/" + file;
      for (const auto& root : files_.roots) places.push_back(root + beside);
    }
  }
  for (const auto& place : places) {
    Source source;
    source.text = read_regular(place);
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
