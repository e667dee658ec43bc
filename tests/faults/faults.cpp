#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string_view>
#include <unordered_set>

#include "base/error.hpp"
#include "cpython/capture.hpp"
#include "diagnosis/diagnose.hpp"
#include "elf/elf_file.hpp"
#include "render/dot.hpp"
#include "render/json.hpp"
#include "render/text.hpp"
#include "target/core_target.hpp"

// Damages what is read of a core, one fault a run, and compares each verdict with that of the sound
// core. Writes a row of the table for each kind of fault; see usage() for the arguments.

namespace importlock {

namespace {

using Random = std::mt19937_64;

/// The fault that a run brings about. The first lacks bytes, the others change some.
enum class Damage { none, fail, shorten, flip, word, zero, copy, swap };

constexpr std::uint64_t page_size = 4096;
constexpr std::uint64_t word_bytes = 8;

Address page_of(Address address) { return Address{address.value() / page_size * page_size}; }

/// A memory of which one read, all of one page or two, one word or one bit goes wrong.
class DamagedMemory : public Memory {
 public:
  struct Fault {
    Damage damage = Damage::none;
    std::size_t number = 0;       ///< of the read that it befalls, from 0 on
    std::optional<Address> page;  ///< or the page, whenever it is read
    Address byte;                 ///< or, of a flip or a word, its first byte
    unsigned bit = 0;
    std::uint64_t value = 0;  ///< that a word gets
    Address other_page;       ///< that `page` shows in place of its own bytes
  };
  DamagedMemory(std::unique_ptr<Memory> sound, Fault fault)
      : sound_(std::move(sound)), fault_(fault) {}

  bool try_read(Address address, std::span<std::byte> into) override {
    const auto number = reads_++;
    pages_.insert(page_of(address));
    ranges_.push_back({address, into.size()});
    switch (fault_.damage) {
      case Damage::none: return sound_->try_read(address, into);
      case Damage::fail:
      case Damage::shorten:
        if (!befalls(number, address, into.size())) return sound_->try_read(address, into);
        // What came before the end stays: a caller that ignored the result would take it for true.
        if (fault_.damage == Damage::shorten) {
          static_cast<void>(sound_->try_read(address, into.first(into.size() / 2)));
        }
        return false;
      case Damage::flip:
      case Damage::word: return sound_->try_read(address, into) && change_bytes(address, into);
      case Damage::zero:
      case Damage::copy:
      case Damage::swap: return read_by_pages(address, into);
    }
    return false;
  }

  [[nodiscard]] const std::set<Address>& pages() const { return pages_; }
  /// Place and size of each read.
  [[nodiscard]] const std::vector<std::pair<Address, std::size_t>>& ranges() const {
    return ranges_;
  }

 private:
  [[nodiscard]] bool befalls(std::size_t number, Address address, std::size_t size) const {
    if (!fault_.page) return number == fault_.number;
    return address < *fault_.page + page_size && *fault_.page < address + size;
  }

  bool change_bytes(Address address, std::span<std::byte> into) const {
    for (std::size_t i = 0; i < into.size(); ++i) {
      const auto offset = address + i - fault_.byte;
      if (fault_.damage == Damage::flip && offset == 0) {
        into[i] ^= std::byte{1} << fault_.bit;
      } else if (fault_.damage == Damage::word && offset < word_bytes) {
        into[i] = static_cast<std::byte>(fault_.value >> (8 * offset));
      }
    }
    return true;
  }

  bool read_by_pages(Address address, std::span<std::byte> into) {
    while (!into.empty()) {
      const auto page = page_of(address);
      const auto piece = into.first(std::min<std::size_t>(into.size(), page + page_size - address));
      // What the core lacks is read elsewhere, and not damaged.
      if (!sound_->try_read(address, piece)) return false;
      const bool first = page == *fault_.page;
      const bool second = fault_.damage == Damage::swap && page == fault_.other_page;
      if (first && fault_.damage == Damage::zero) {
        std::ranges::fill(piece, std::byte{});
      } else if (first || second) {
        const auto other = first ? fault_.other_page : *fault_.page;
        if (!sound_->try_read(other + (address - page), piece)) return false;
      }
      address = address + piece.size();
      into = into.subspan(piece.size());
    }
    return true;
  }

  std::unique_ptr<Memory> sound_;
  Fault fault_;
  std::size_t reads_ = 0;
  std::set<Address> pages_;
  std::vector<std::pair<Address, std::size_t>> ranges_;
};

/// What came of a run: a report, or the line of an Error.
struct Outcome {
  std::optional<Report> report;
  std::string error;
  std::vector<std::pair<Address, std::size_t>> reads;
  std::set<Address> pages;
};

Outcome look(const std::string& core, const FileLookup& files, DamagedMemory::Fault fault) {
  Outcome outcome;
  try {
    auto target = core_target(core, files);
    auto damaged = std::make_unique<DamagedMemory>(std::move(target.memory), fault);
    const auto& memory = *damaged;
    target.memory = std::move(damaged);
    outcome.report = diagnose(capture(target));
    outcome.reads = memory.ranges();
    outcome.pages = memory.pages();
  } catch (const Error& error) {
    outcome.error = error.what();
  }
  return outcome;
}

/// How the verdict of a damaged target stands to the truth: its kind, status, lock and cycle, and
/// whether it is certain. What is missing may make it unknown, or less certain and then with
/// another lock or cycle, which is named less well. Where bytes changed, they may be those of
/// another process in full: the same kind of verdict may then have another cycle, and a verdict
/// that is not certain may be of another kind.
enum class Change { same, weaker, unknown, error, other, wrong };

/// The rows of the table, by kind of fault.
class Table {
 public:
  Table(std::string name, const Report& truth) : name_(std::move(name)), truth_(truth) {}

  /// `changed`: a bit did, rather than that bytes are missing.
  void add(const std::string& kind, const std::string& fault, const Outcome& outcome,
           bool changed) {
    auto& row = rows_[kind];
    ++row.runs;
    std::string against;
    const auto change = judge(outcome, changed, against);
    ++row.changes[static_cast<std::size_t>(change)];
    if (against.empty()) return;
    if (change == Change::other) return;
    ++row.wrong;
    fmt::print(stderr, "{}, {}, {}: {}\n", name_, kind, fault, against);
  }

  /// Whether nothing was wrong.
  [[nodiscard]] bool print() const {
    bool sound = true;
    for (const auto& [kind, row] : rows_) {
      fmt::print("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", name_, kind, row.runs, row.changes[0],
                 row.changes[1], row.changes[2], row.changes[3], row.changes[4], row.wrong);
      sound = sound && row.wrong == 0;
    }
    return sound;
  }

 private:
  struct Row {
    std::size_t runs = 0, wrong = 0;
    std::array<std::size_t, 6> changes{};
  };

  /// How exactly a lock of the program is named matters to no conclusion.
  static std::string lock_of(const Verdict& verdict) {
    const auto& lock = verdict.lock;
    const bool of_cpython =
        lock == "GIL" || lock.starts_with("import ") || lock.starts_with("module ");
    return of_cpython ? lock : "";
  }

  static std::string waits_of(const Report& report) {
    std::string text;
    for (const auto& thread : report.threads) {
      const auto& wait = thread.waits_for;
      text += fmt::format(" {}: {}{};", thread.facts.lwp.value_or(0), wait ? wait->what : "runs",
                          wait && wait->timed ? " for a time" : "");
    }
    return text;
  }

  /// Its cycle from the lowest on.
  static std::vector<Lwp> circle(const Verdict& verdict) {
    auto cycle = verdict.cycle;
    std::ranges::rotate(cycle, std::ranges::min_element(cycle));
    return cycle;
  }

  /// `against` says what is another or wrong about it; empty where nothing is.
  Change judge(const Outcome& outcome, bool changed, std::string& against) const {
    if (!outcome.report) {
      if (outcome.error.empty() || outcome.error.find('\n') != std::string::npos) {
        against = "an error is not one line: " + outcome.error;
      }
      return Change::error;
    }
    const auto& report = *outcome.report;
    static_cast<void>(render_json(report));
    static_cast<void>(render_dot(report));
    static_cast<void>(render_text(report, {80, false, 20}));
    const auto& verdict = report.verdict;
    const auto& truth = truth_.verdict;
    const bool same = verdict.kind == truth.kind && report.status() == truth_.status() &&
                      lock_of(verdict) == lock_of(truth) && circle(verdict) == circle(truth);
    if (same && (!verdict.certain || truth.certain)) {
      return verdict.certain || !truth.certain ? Change::same : Change::weaker;
    }
    if (verdict.kind != VerdictKind::unknown) {
      against =
          fmt::format("{} {} became {} {}: {}.{}", truth.summary, truth.certain, verdict.summary,
                      verdict.certain, fmt::join(report.problems, "; "), waits_of(report));
      const bool same_kind = verdict.kind == truth.kind;
      // That a thread holds the lock itself is told by its code, and so can be lost without a
      // trace.
      const bool by_itself = truth.kind == VerdictKind::deadlock && truth.cycle.size() == 1 &&
                             verdict.kind == VerdictKind::orphaned;
      const bool may_differ =
          changed ? same_kind || by_itself || !verdict.certain : same_kind && !verdict.certain;
      return may_differ ? Change::other : Change::wrong;
    }
    if (report.problems.size() <= truth_.problems.size()) {
      against = "unknown, but no problem says why: " + verdict.summary;
    }
    return Change::unknown;
  }

  std::string name_;
  const Report& truth_;
  std::map<std::string, Row> rows_;
};

/// At most `most` of `all`, chosen at random; all of them where `most` is 0.
template <typename T>
std::vector<T> sample(const std::vector<T>& all, std::size_t most, Random& random) {
  if (most == 0 || all.size() <= most) return all;
  std::vector<T> chosen;
  std::ranges::sample(all, std::back_inserter(chosen), static_cast<std::ptrdiff_t>(most), random);
  return chosen;
}

constexpr std::uint64_t file_header = 64, program_header = 56;  // sizes, in a 64-bit ELF file

class Faults {
 public:
  Faults(std::string core, FileLookup files, std::size_t most, std::uint64_t seed)
      : core_(std::move(core)), files_(std::move(files)), most_(most), random_(seed) {}

  /// Whether all is sound.
  bool run(const std::string& name) {
    const auto sound = look(core_, files_, {});
    if (!sound.report) {
      fmt::print(stderr, "{}: {}\n", name, sound.error);
      return false;
    }
    if (!sound.report->problems.empty()) {
      fmt::print(stderr, "{}: the sound core has problems: {}\n", name,
                 fmt::join(sound.report->problems, "; "));
      return false;
    }
    Table table(name, *sound.report);
    damage_reads(table, sound.reads);
    damage_pages(table, sound.pages);
    damage_file(table);
    return table.print();
  }

 private:
  void damage_reads(Table& table, const std::vector<std::pair<Address, std::size_t>>& reads) {
    std::vector<std::size_t> numbers(reads.size());
    std::ranges::generate(numbers, [next = std::size_t{0}]() mutable { return next++; });
    for (const auto& [damage, kind] :
         {std::pair{Damage::fail, "read fails"}, std::pair{Damage::shorten, "read ends short"}}) {
      for (const auto number : sample(numbers, most_, random_)) {
        DamagedMemory::Fault fault;
        fault.damage = damage;
        fault.number = number;
        const auto& [address, size] = reads[number];
        table.add(kind, fmt::format("read {}, {} bytes at {}", number, size, to_hex(address)),
                  look(core_, files_, fault), false);
      }
    }
    damage_bytes(table, reads, numbers);
  }

  // Memory that a bug has scribbled over is the same in all reads, unlike that of a process that
  // runs on.
  void damage_bytes(Table& table, const std::vector<std::pair<Address, std::size_t>>& reads,
                    const std::vector<std::size_t>& numbers) {
    for (const auto number : sample(numbers, most_, random_)) {
      const auto& [address, size] = reads[number];
      if (size == 0) continue;
      DamagedMemory::Fault fault;
      fault.damage = Damage::flip;
      fault.byte = address + random_() % size;
      fault.bit = static_cast<unsigned>(random_() % 8);
      table.add("memory gets another bit",
                fmt::format("byte {} bit {}", to_hex(fault.byte), fault.bit),
                look(core_, files_, fault), true);
    }
    for (const auto number : sample(numbers, most_, random_)) {
      const auto& [address, size] = reads[number];
      if (size < word_bytes) continue;
      DamagedMemory::Fault fault;
      fault.damage = Damage::word;
      fault.byte = address + random_() % (size / word_bytes) * word_bytes;
      // A pointer of the target's own, where it is not nothing at all.
      const std::array<std::uint64_t, 3> values{0, UINT64_MAX,
                                                reads[random_() % reads.size()].first.value()};
      fault.value = values[random_() % values.size()];
      table.add("a word is overwritten",
                fmt::format("{} gets {:#x}", to_hex(fault.byte), fault.value),
                look(core_, files_, fault), true);
    }
  }

  void damage_pages(Table& table, const std::set<Address>& pages) {
    const std::vector all(pages.begin(), pages.end());
    for (const auto page : sample(all, most_, random_)) {
      DamagedMemory::Fault fault;
      fault.page = page;
      fault.damage = Damage::fail;
      table.add("page is lost", to_hex(page), look(core_, files_, fault), false);
      fault.other_page = all[random_() % all.size()];
      for (const auto& [damage, kind] :
           {std::pair{Damage::zero, "page of zeros"}, std::pair{Damage::copy, "page is a copy"},
            std::pair{Damage::swap, "pages are swapped"}}) {
        fault.damage = damage;
        table.add(kind, fmt::format("{} by {}", to_hex(page), to_hex(fault.other_page)),
                  look(core_, files_, fault), true);
      }
    }
  }

  void damage_file(Table& table) {
    namespace fs = std::filesystem;
    const auto copy = core_ + ".damaged";
    fs::copy_file(core_, copy, fs::copy_options::overwrite_existing);
    fs::permissions(copy, fs::perms::owner_write, fs::perm_options::add);
    const auto size = fs::file_size(copy);
    const auto borders = header_borders();
    std::uniform_int_distribution<std::uint64_t> anywhere(0, size - 1);
    const auto places = [&](std::uint64_t end) {
      std::uniform_int_distribution<std::uint64_t> within(0, end - 1);
      std::vector<std::uint64_t> chosen(most_ == 0 ? 1000 : most_ / 4);
      std::ranges::generate(chosen, [&] { return within(random_); });
      return chosen;
    };
    flip(table, "bit flipped in the headers", copy, places_in(headers()));
    flip(table, "bit flipped in the notes", copy, places_in(notes()));
    flip(table, "bit flipped in the file", copy, places(size));
    auto ends = sample(borders, most_, random_);
    const auto random_ends = places(size);
    ends.insert(ends.end(), random_ends.begin(), random_ends.end());
    std::ranges::sort(ends, std::greater());
    for (const auto end : ends) {
      fs::resize_file(copy, end);
      table.add("file is cut", fmt::format("at byte {}", end), look(copy, files_, {}), false);
    }
    fs::remove(copy);
  }

  void flip(Table& table, const char* kind, const std::string& copy,
            const std::vector<std::uint64_t>& places) {
    for (const auto place : places) {
      const auto bit = static_cast<unsigned>(random_() % 8);
      flip_bit(copy, place, bit);
      table.add(kind, fmt::format("byte {} bit {}", place, bit), look(copy, files_, {}), true);
      flip_bit(copy, place, bit);
    }
  }

  static void flip_bit(const std::string& path, std::uint64_t place, unsigned bit) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.exceptions(std::ios::failbit | std::ios::badbit);
    const auto at = static_cast<std::streamoff>(place);
    file.seekg(at);
    const auto byte = static_cast<unsigned>(file.get());
    file.seekp(at);
    file.put(static_cast<char>(byte ^ (1U << bit)));
  }

  /// The ends of the file's header, of each program header, and the starts and ends of what those
  /// describe, with the bytes beside them.
  [[nodiscard]] std::vector<std::uint64_t> header_borders() const {
    const auto core = ElfFile::open(core_);
    std::set<std::uint64_t> borders{0, 1, file_header};
    const auto number = core.segments().size() + core.note_segments().size();
    for (std::uint64_t i = 1; i <= number; ++i) borders.insert(file_header + i * program_header);
    for (const auto* const segments : {&core.segments(), &core.note_segments()}) {
      for (const auto& segment : *segments) {
        borders.insert(segment.file_offset);
        borders.insert(segment.file_offset + 1);
        borders.insert(segment.file_offset + segment.file_size);
      }
    }
    std::vector<std::uint64_t> inside(borders.begin(), borders.end());
    std::erase_if(inside, [&](std::uint64_t border) { return border >= core.size(); });
    return inside;
  }

  using Range = std::pair<std::uint64_t, std::uint64_t>;  // of places in the file

  [[nodiscard]] std::vector<Range> headers() const {
    const auto core = ElfFile::open(core_);
    const auto number = core.segments().size() + core.note_segments().size();
    return {{0, file_header + number * program_header}};
  }

  [[nodiscard]] std::vector<Range> notes() const {
    const auto core = ElfFile::open(core_);
    std::vector<Range> ranges;
    for (const auto& notes : core.note_segments()) {
      ranges.emplace_back(notes.file_offset, notes.file_offset + notes.file_size);
    }
    return ranges;
  }

  std::vector<std::uint64_t> places_in(const std::vector<Range>& ranges) {
    std::vector<std::uint64_t> all;
    for (const auto& [start, end] : ranges) {
      for (auto place = start; place < end; ++place) all.push_back(place);
    }
    return sample(all, most_ == 0 ? 1000 : most_ / 2, random_);
  }

  std::string core_;
  FileLookup files_;
  std::size_t most_;
  Random random_;
};

int usage() {
  fmt::print(
      stderr,
      "usage: faults NAME CORE MOST SEED [DEBUG_DIRECTORY...]\n"
      "Each kind of fault befalls MOST reads or places at most, all of them with 0.\n"
      "Columns: NAME, kind of fault, runs, verdict the same, less certain, unknown, error\n"
      "instead of a report, another (see Change), wrong. The status is 1 where any is wrong.\n");
  return 2;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

}  // namespace

int faults(const std::vector<std::string>& arguments) {
  if (arguments.size() < 4) return usage();
  const auto most = number(arguments[2]);
  const auto seed = number(arguments[3]);
  if (!most || !seed) return usage();
  FileLookup files;
  files.debug_directories.assign(arguments.begin() + 4, arguments.end());
  return Faults(arguments[1], files, *most, *seed).run(arguments[0]) ? 0 : 1;
}

}  // namespace importlock

int main(int argc, char** argv) {
  try {
    return importlock::faults({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "faults: {}\n", error.what());
    return 3;
  }
}
