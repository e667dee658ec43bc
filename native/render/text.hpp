#pragma once

#include <cstddef>
#include <string>

#include "model/report.hpp"

namespace importlock {

struct TextStyle {
  std::size_t width = 80;  ///< columns; 0: no limit
  bool color = false;
  std::size_t frames = 20;  ///< of each thread; 0: all
};

/// The report for a person: verdict, evidence, cure, then each thread's frames;
/// threads that are alike are shown once. What the target
/// wrote is shown with control characters escaped.
std::string render_text(const Report& report, const TextStyle& style);

}  // namespace importlock
