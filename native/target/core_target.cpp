#include "target/core_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "elf/core_notes.hpp"
#include "target/layered_memory.hpp"
#include "target/system_call.hpp"

namespace importlock {

namespace {

/// The segments of a core, read with pread.
class CoreMemory : public Memory {
 public:
  /// `segments` by their addresses.
  CoreMemory(ElfFile core, std::vector<Segment> segments)
      : core_(std::move(core)), sorted_(std::move(segments)) {
    cached_ = std::make_unique<CachedMemory>([this](Address address, std::span<std::byte> into) {
      try {
        return read_file(address, into);
      } catch (const FileError&) {
        return false;  // a bad block costs what lies in it
      }
    });
  }

  bool try_read(Address address, std::span<std::byte> into) override {
    return cached_->try_read(address, into);
  }

 private:
  [[nodiscard]] bool read_file(Address address, std::span<std::byte> into) const {
    std::size_t done = 0;
    while (done < into.size()) {
      const LinkAddress at{address.value() + done};
      auto next = std::ranges::upper_bound(sorted_, at, {}, &Segment::address);
      if (next == sorted_.begin()) break;
      const auto& segment = *--next;
      const auto skip =
          static_cast<std::uint64_t>(at) - static_cast<std::uint64_t>(segment.address);
      // What lies in memory only was left out of the core.
      if (skip >= segment.file_size) break;
      const auto length = std::min<std::uint64_t>(into.size() - done, segment.file_size - skip);
      const auto offset = segment.file_offset + skip;
      if (offset < skip || core_.read_at(offset, into.subspan(done, length)) != length) break;
      done += length;
    }
    return done == into.size();
  }

  ElfFile core_;
  std::vector<Segment> sorted_;
  std::unique_ptr<CachedMemory> cached_;
};

/// The segments of a core by their addresses, without those that begin within a page, and those
/// that share a place in the file or in memory with another: one of the two lies somewhere else,
/// and nothing tells which.
std::vector<Segment> sound_segments(const ElfFile& core) {
  auto segments = core.segments();
  std::vector<std::size_t> order(segments.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  constexpr std::uint64_t page_size = 4096;  // the smallest there is
  std::vector<bool> damaged;
  damaged.reserve(segments.size());
  for (const auto& segment : segments) {
    damaged.push_back(static_cast<std::uint64_t>(segment.address) % page_size != 0);
  }
  const auto compare = [&](const auto& start, const auto& size) {
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return start(segments[i]); });
    std::optional<std::size_t> last;  // the one that reaches farthest
    for (const auto i : order) {
      if (size(segments[i]) == 0) continue;
      const auto reaches = [&](std::size_t of) {
        const auto end = start(segments[of]) + size(segments[of]);
        return end < start(segments[of]) ? UINT64_MAX : end;
      };
      if (last && start(segments[i]) < reaches(*last)) damaged[i] = damaged[*last] = true;
      if (!last || reaches(i) > reaches(*last)) last = i;
    }
  };
  compare([](const Segment& at) { return at.file_offset; },
          [](const Segment& at) { return at.file_size; });
  compare([](const Segment& at) { return static_cast<std::uint64_t>(at.address); },
          [](const Segment& at) { return at.memory_size; });
  std::vector<Segment> sound;
  for (const auto i : order) {
    if (!damaged[i]) sound.push_back(segments[i]);
  }
  return sound;
}

/// Whether there is a thread of that id: glibc (x86_64/nptl/tls.h, tcbhead_t) and musl
/// (pthread_impl.h) begin a thread's block with a pointer to it.
bool points_to_itself(Memory& memory, PthreadId ident) {
  std::uint64_t self = 0;
  const auto into = std::as_writable_bytes(std::span(&self, 1));
  const Address at{static_cast<std::uint64_t>(ident)};
  return memory.try_read_alone(at, into) && self == at.value();
}

std::uint64_t size_claimed(const ElfFile& core) {
  std::uint64_t size = 0;
  for (const auto* const segments : {&core.segments(), &core.note_segments()}) {
    for (const auto& segment : *segments) {
      const auto end = segment.file_offset + segment.file_size;
      if (end >= segment.file_offset) size = std::max(size, end);
    }
  }
  return size;
}

}  // namespace

std::vector<Mapping> mappings_of_core(const ElfFile& core, const FileLookup& files,
                                      Address program_headers) {
  auto told = core_mappings(core);
  if (!told.empty()) return told;
  if (files.executable.empty() || program_headers.is_null()) {
    throw TargetError(
        fmt::format("core {} does not name the files that were mapped; give the executable with {}",
                    core.path(), files.how_to_give));
  }
  auto mappings =
      executable_mappings(ElfFile::open(files.executable), files.executable, program_headers);
  for (const auto& mapping : mappings) {
    const LinkAddress start{mapping.start.value()};
    if (std::ranges::find(core.segments(), start, &Segment::address) == core.segments().end()) {
      throw TargetError(fmt::format("{} is not the executable of core {}: nothing of it lies at {}",
                                    files.executable, core.path(), to_hex(mapping.start)));
    }
  }
  return mappings;
}

Target core_target(const std::string& path, FileLookup files) {
  auto core = ElfFile::open(path);
  if (!core.is_core()) throw FormatError(path + " is an ELF file, but not a core");
  const auto architecture = architecture_of_machine(core.machine());
  if (!architecture) {
    throw TargetError(fmt::format(
        "core {} is of another architecture; py-importlock reads x86-64, i386 and AArch64", path));
  }
  Target target;
  target.architecture = *architecture;
  const auto notes = read_core_notes(core, *architecture);
  const auto claimed = size_claimed(core);
  const bool cut_short = claimed > core.size();
  if (cut_short) {
    target.problems.push_back(
        fmt::format("core {} is cut short: it has {} of {} bytes, and what lies in the rest could "
                    "not be read; mind the limit on its size (ulimit -c) and the space on the disk",
                    path, core.size(), claimed));
  } else if (!notes.whole) {
    target.problems.push_back(
        fmt::format("core {} is damaged: its notes break off, or lack a thread", path));
  }
  target.all_threads = notes.whole;
  if (notes.threads.empty()) {
    throw TargetError(
        fmt::format("core {} names no thread{}", path, cut_short ? ": it is cut short" : ""));
  }
  files.roots.emplace_back();
  target.mappings = mappings_of_core(core, files, notes.program_headers);
  target.info = {TargetKind::core, notes.pid,
                 target.mappings.empty() ? "" : target.mappings.front().path, path};
  target.files = std::move(files);
  auto segments = sound_segments(core);
  if (segments.size() < core.segments().size()) {
    target.problems.push_back(fmt::format(
        "core {} is damaged: {} of its segments cannot be where they say, and were left "
        "out",
        path, core.segments().size() - segments.size()));
  }
  target.memory = std::make_unique<CoreMemory>(std::move(core), std::move(segments));
  for (const auto& status : notes.threads) {
    NativeThread thread;
    thread.lwp = status.lwp;
    if (status.ident && points_to_itself(*target.memory, *status.ident)) {
      thread.ident = status.ident;
    }
    thread.system_call =
        system_call_in_registers(*architecture, *target.memory,
                                 {status.call, status.result, status.counter, status.arguments});
    target.threads.push_back(std::move(thread));
  }
  return target;
}

}  // namespace importlock
