#pragma once

#include <string>

#include "model/report.hpp"

namespace importlock {

/// The wait-for graph in Graphviz's language: threads as boxes, what they wait for on the arrows,
/// the cycle in red. Threads that only queue behind the import lock are drawn as one box.
std::string render_dot(const Report& report);

}  // namespace importlock
