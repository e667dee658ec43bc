#pragma once

#include <cstdint>
#include <span>

#include "cpython/layout.hpp"

namespace importlock {

/// An entry of the `_Py_DebugOffsets` with which _PyRuntime begins since 3.13: where it lies in
/// that, and the field whose offset it tells.
struct DebugOffset {
  std::uint64_t at;
  Layout::Offset& (*field)(Layout&);
};

/// An entry of the same that tells the size of a structure.
struct DebugSize {
  std::uint64_t at, size;
};

/// Those of the newest version: first the interpreter's state, then what is laid out as it is in
/// all that are of that size. The entries after the second of these tell of no other structures.
extern const std::span<const DebugSize> newest_sizes, newest_free_threaded_sizes;

/// Those of 3.13 to 3.15 that are of use.
extern const std::span<const DebugOffset> python313_debug_offsets, python314_debug_offsets,
    python315_debug_offsets;

}  // namespace importlock
