#include "elf/debug_file.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <filesystem>

#include "base/error.hpp"

namespace importlock {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t largest_checked = std::uint64_t{256} << 20;

/// Of the open file: by its path it could be another one by now, or a fifo.
std::optional<std::uint32_t> crc_of(const ElfFile& file) {
  if (file.size() > largest_checked) return std::nullopt;
  std::vector<std::byte> buffer(65536);
  uLong crc = crc32(0, nullptr, 0);
  for (std::uint64_t at = 0; at < largest_checked;) {
    const auto got = file.read_at(at, buffer);
    if (got == 0) break;
    crc = crc32(crc, reinterpret_cast<const Bytef*>(buffer.data()), static_cast<uInt>(got));
    at += got;
  }
  return static_cast<std::uint32_t>(crc);
}

std::vector<fs::path> debug_roots(const fs::path& image, std::span<const std::string> directories) {
  std::vector<fs::path> roots(directories.begin(), directories.end());
  for (auto folder = image.parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    roots.push_back(folder / "lib/debug");
    roots.push_back(folder / "usr/lib/debug");
  }
  return roots;
}

/// Opens `path` where it is a debug file of `file`.
std::optional<ElfFile> open_if_fits(const fs::path& path, const ElfFile& file,
                                    const std::optional<DebugLink>& link,
                                    std::vector<std::string>& refused) {
  std::error_code error_code;
  const auto type = fs::status(path, error_code).type();
  if (type == fs::file_type::none) {
    refused.push_back(fmt::format("debug file not used: {}",
                                  FileError(path.string(), error_code.value()).what()));
  }
  if (type != fs::file_type::regular) return std::nullopt;
  if (fs::equivalent(path, file.path(), error_code)) return std::nullopt;
  try {
    auto debug = ElfFile::open(path.string());
    const bool same_build = file.build_id() && debug.build_id()
                                ? file.build_id() == debug.build_id()
                                : link && crc_of(debug) == link->crc;
    if (same_build && debug.machine() == file.machine()) return debug;
    refused.push_back(fmt::format("debug file {} is of another build than {}: not used",
                                  path.string(), file.path()));
  } catch (const Error& error) {
    refused.push_back(fmt::format("debug file not used: {}", error.what()));
  }
  return std::nullopt;
}

}  // namespace

std::optional<ElfFile> find_debug_file(const ElfFile& file,
                                       std::span<const std::string> directories,
                                       std::span<const std::string> already_loaded,
                                       std::vector<std::string>& refused) {
  const fs::path image(file.path());
  const auto link = file.debug_link();
  // Those that a debugger has loaded for its other files are none of this one's.
  std::vector<std::string> of_others;
  for (const auto& loaded : already_loaded) {
    if (auto debug = open_if_fits(loaded, file, link, of_others)) return debug;
  }
  std::vector<fs::path> candidates;
  const auto roots = debug_roots(image, directories);
  if (const auto& id = file.build_id(); id && id->size() > 2) {
    for (const auto& root : roots) {
      candidates.push_back(root / ".build-id" / id->substr(0, 2) / (id->substr(2) + ".debug"));
    }
  }
  if (link && link->file_name.find('/') == std::string::npos) {
    candidates.push_back(image.parent_path() / link->file_name);
    candidates.push_back(image.parent_path() / ".debug" / link->file_name);
    for (const auto& root : roots) {
      candidates.push_back(root / image.parent_path().relative_path() / link->file_name);
    }
  }
  for (const auto& candidate : candidates) {
    if (auto debug = open_if_fits(candidate, file, link, refused)) return debug;
  }
  return std::nullopt;
}

}  // namespace importlock
