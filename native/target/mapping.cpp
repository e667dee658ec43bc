#include "target/mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "target/proc_file.hpp"

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

/// The kernel appends " (deleted)" to the path of an unlinked file (fs/d_path.c, d_path).
Mapping named(Mapping mapping, std::string_view path) {
  constexpr std::string_view mark = " (deleted)";
  mapping.deleted = path.ends_with(mark);
  if (mapping.deleted) path.remove_suffix(mark.size());
  mapping.path = path;
  return mapping;
}

std::optional<Mapping> parse_line(std::string_view line) {
  // start-end perms offset device inode   path
  const auto start = take_hex(line, '-');
  const auto end = start ? take_hex(line, ' ') : std::nullopt;
  if (!end || line.size() < 5) return std::nullopt;
  const bool shared = line[3] == 's';
  line.remove_prefix(5);
  const auto offset = take_hex(line, ' ');
  const auto path = line.find('/');
  if (!offset || path == std::string_view::npos) return std::nullopt;
  auto name = line.substr(path);
  return named({Address{*start}, Address{*end}, *offset, {}, false, shared}, name);
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
  return parse_process_maps(read_proc_file(fmt::format("/proc/{}/maps", pid)));
}

std::vector<Mapping> core_mappings(const ElfFile& core) {
  std::vector<Mapping> result;
  for (auto& file : core.mapped_files()) {
    result.push_back(named({file.start, file.end, file.file_offset, {}, false, false}, file.path));
  }
  return result;
}

std::vector<Mapping> executable_mappings(const ElfFile& executable, const std::string& path,
                                         Address program_headers) {
  std::vector<Mapping> result;
  const auto& segments = executable.segments();
  if (segments.empty()) return result;
  // They follow the ELF header, in the first page of the first segment.
  const auto bias = page_of(program_headers.value()) -
                    page_of(static_cast<std::uint64_t>(segments.front().address));
  for (const auto& segment : segments) {
    const auto start = bias + static_cast<std::uint64_t>(segment.address);
    const auto end = start + segment.file_size;
    result.push_back({Address{page_of(start)}, Address{page_of(end + page_size - 1)},
                      page_of(segment.file_offset), path, false});
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
