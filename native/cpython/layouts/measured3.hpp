#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/architecture.hpp"
#include "cpython/layout.hpp"

namespace importlock {

/// An offset as the debug information of a build has it; nothing where the version has no such
/// field, or none that is read.
struct MeasuredOffset {
  std::optional<Layout::Offset> offset;
  Layout::Offset& (*field)(Layout&);
};

/// What one build of CPython 3.`minor` has elsewhere than that of x86-64.
struct MeasuredBuild {
  Architecture architecture;
  unsigned minor;
  std::uint64_t runtime_size;
  std::span<const MeasuredOffset> offsets;
};

extern const std::span<const MeasuredBuild> measured_builds;

}  // namespace importlock
