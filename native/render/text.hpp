#pragma once

#include <cstddef>
#include <string>

#include "model/report.hpp"

namespace importlock {

struct TextStyle {
  std::size_t width = 80;  ///< columns; 0: no limit
  bool color = false;
};

/// The report for a person: verdict, evidence, cure, then each thread's frames. What the target
/// wrote is shown with control characters escaped.
std::string render_text(const Report& report, const TextStyle& style);

}  // namespace importlock
