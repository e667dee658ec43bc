#include "cpython/v3/line_table.hpp"

#include <cstdint>

namespace importlock::v3 {

namespace {

/// Reads the numbers of a location table: six bits a byte, the least significant first.
class Entries {
 public:
  explicit Entries(std::span<const std::byte> table) : table_(table) {}

  [[nodiscard]] bool at_end() const { return at_ >= table_.size(); }
  unsigned byte() { return at_end() ? 0 : std::to_integer<unsigned>(table_[at_++]); }
  std::uint32_t number() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 32; shift += 6) {
      const auto next = byte();
      value |= (next & 0x3f) << shift;
      if ((next & 0x40) == 0) break;
    }
    return value;
  }
  std::int32_t signed_number() {
    const auto value = number();
    const auto magnitude = static_cast<std::int32_t>(value >> 1);
    return (value & 1) != 0 ? -magnitude : magnitude;
  }
  /// To the next byte that begins an entry.
  void skip() {
    while (!at_end() && (std::to_integer<unsigned>(table_[at_]) & 0x80) == 0) ++at_;
  }

 private:
  std::span<const std::byte> table_;
  std::size_t at_ = 0;
};

}  // namespace

int line_in_locations(std::span<const std::byte> table, int first_line, std::size_t offset) {
  // PyCodeLocationInfoKind (Include/internal/pycore_code.h).
  constexpr unsigned none = 15, with_columns = 14, without_columns = 13, one_line = 10;
  constexpr std::size_t unit = 2;
  std::int64_t line = first_line;
  std::size_t end = 0;
  for (Entries entries(table); !entries.at_end(); entries.skip()) {
    const auto first = entries.byte();
    const auto kind = (first >> 3) & 15;
    if (kind == with_columns || kind == without_columns) {
      line += entries.signed_number();
    } else if (kind >= one_line && kind < without_columns) {
      line += kind - one_line;
    }
    end += ((first & 7) + 1) * unit;
    if (offset < end) return kind == none ? 0 : static_cast<int>(line);
  }
  return 0;
}

}  // namespace importlock::v3
