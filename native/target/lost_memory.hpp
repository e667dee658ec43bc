#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.hpp"

namespace importlock {

/// The memory that a core ought to hold and does not: cut off at the end of the file, or writable
/// and left out of the dump. A debugger reads such places from the program's files, which hold the
/// initial contents of variables and not what was there.
class LostMemory {
 public:
  /// Throws FileError or FormatError where the core cannot be read.
  explicit LostMemory(const std::string& core);

  /// Whether any of `size` bytes from `address` on is lost.
  [[nodiscard]] bool touches(Address address, std::uint64_t size) const;
  /// Whether the file ends before the contents that its program headers name.
  [[nodiscard]] bool cut_short() const { return cut_short_; }

 private:
  struct Range {
    std::uint64_t first;
    std::uint64_t last;  ///< inclusive
  };
  std::vector<Range> ranges_;
  bool cut_short_ = false;
};

}  // namespace importlock
