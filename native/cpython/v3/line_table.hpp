#pragma once

#include <cstddef>
#include <span>

namespace importlock::v3 {

/// The line of the instruction at byte `offset` by a co_linetable of 3.11 or later; 0 where it is
/// of no line (Objects/locations.md).
int line_in_locations(std::span<const std::byte> table, int first_line, std::size_t offset);

}  // namespace importlock::v3
