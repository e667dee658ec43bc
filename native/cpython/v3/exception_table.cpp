#include "cpython/v3/exception_table.hpp"

#include <cstdint>
#include <optional>

namespace importlock::v3 {

namespace {

constexpr std::size_t unit = 2;
constexpr int most_digits = 5;  // of a number of 30 bits

/// Reads the numbers of a table: six bits a byte, the most significant first.
class Numbers {
 public:
  explicit Numbers(std::span<const std::byte> table) : table_(table) {}

  std::optional<std::size_t> next() {
    std::size_t value = 0;
    for (int digit = 0; digit < most_digits && at_ < table_.size(); ++digit) {
      const auto byte = std::to_integer<std::size_t>(table_[at_++]);
      value = (value << 6) | (byte & 0x3f);
      if ((byte & 0x40) == 0) return value;
    }
    return std::nullopt;
  }

 private:
  std::span<const std::byte> table_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<ProtectedRange> protected_ranges(std::span<const std::byte> table) {
  std::vector<ProtectedRange> ranges;
  for (Numbers numbers(table);;) {
    const auto start = numbers.next();
    const auto length = numbers.next();
    const auto handler = numbers.next();
    const auto rest = numbers.next();
    if (!start || !length || !handler || !rest) return ranges;
    ranges.push_back(
        {*start * unit, (*start + *length) * unit, *handler * unit, *rest >> 1, (*rest & 1) != 0});
  }
}

}  // namespace importlock::v3
