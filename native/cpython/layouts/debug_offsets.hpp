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

/// Those of 3.13 to 3.15 that are of use.
extern const std::span<const DebugOffset> python313_debug_offsets, python314_debug_offsets,
    python315_debug_offsets;

}  // namespace importlock
