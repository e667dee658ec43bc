#include "target/mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>

#include "base/error.hpp"

namespace importlock {

namespace {

constexpr std::uint64_t page_size = 4096;

constexpr std::uint64_t page_of(std::uint64_t value) { return value & ~(page_size - 1); }

std::optional<std::uint64_t> take_hex(std::string_view& text, char stop) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end == text.data() + text.size() || *end != stop) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return value;
}

std::optional<Mapping> parse_line(std::string_view line) {
  // start-end perms offset device inode   path
  const auto start = take_hex(line, '-');
  const auto end = start ? take_hex(line, ' ') : std::nullopt;
  if (!end || line.size() < 5) return std::nullopt;
  line.remove_prefix(5);
  const auto offset = take_hex(line, ' ');
  const auto path = line.find('/');
  if (!offset || path == std::string_view::npos) return std::nullopt;
  auto name = line.substr(path);
  constexpr std::string_view deleted = " (deleted)";
  if (name.ends_with(deleted)) name.remove_suffix(deleted.size());
  return Mapping{Address{*start}, Address{*end}, *offset, std::string(name)};
}

}  // namespace

std::vector<Mapping> parse_process_maps(std::string_view text) {
  std::vector<Mapping> result;
  while (!text.empty()) {
    const auto length = std::min(text.find('\n'), text.size());
    if (auto mapping = parse_line(text.substr(0, length))) result.push_back(std::move(*mapping));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return result;
}

std::vector<Mapping> process_mappings(int pid) {
  const auto path = fmt::format("/proc/{}/maps", pid);
  std::ifstream stream(path);
  if (!stream) throw FileError(path, errno);
  std::ostringstream text;
  text << stream.rdbuf();
  return parse_process_maps(text.str());
}

std::vector<Mapping> core_mappings(const std::string& core_path) {
  std::vector<Mapping> result;
  for (auto& file : ElfFile::open(core_path).mapped_files()) {
    constexpr std::string_view deleted = " (deleted)";
    if (file.path.ends_with(deleted)) file.path.resize(file.path.size() - deleted.size());
    result.push_back({file.start, file.end, file.file_offset, std::move(file.path)});
  }
  return result;
}

std::optional<LoadBias> load_bias(const ElfFile& file, std::string_view path,
                                  const std::vector<Mapping>& mappings) {
  const auto& segments = file.segments();
  if (segments.empty()) return std::nullopt;
  const auto lies_at = [&](const Segment& segment, std::uint64_t bias) {
    const Address start{page_of(bias + static_cast<std::uint64_t>(segment.address))};
    return std::ranges::any_of(mappings, [&](const Mapping& mapping) {
      return mapping.path == path && mapping.start <= start && start < mapping.end &&
             mapping.file_offset + (start - mapping.start) == page_of(segment.file_offset);
    });
  };
  for (const auto& mapping : mappings) {
    if (mapping.path != path || mapping.file_offset != page_of(segments[0].file_offset)) continue;
    const auto bias =
        mapping.start.value() - page_of(static_cast<std::uint64_t>(segments[0].address));
    if (std::ranges::all_of(segments, [&](const Segment& segment) {
          return segment.file_size == 0 || lies_at(segment, bias);
        })) {
      return LoadBias{bias};
    }
  }
  return std::nullopt;
}

}  // namespace importlock
