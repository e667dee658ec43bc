#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "cpython/protected_range.hpp"

namespace importlock::v3 {

/// The entries of a co_exceptiontable, in order (Objects/exception_handling_notes.txt). What is
/// damaged ends it.
std::vector<ProtectedRange> protected_ranges(std::span<const std::byte> table);

}  // namespace importlock::v3
