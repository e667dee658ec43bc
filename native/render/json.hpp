#pragma once

#include <string>

#include "model/report.hpp"

namespace importlock {

/// The report as one JSON object of schema "py-importlock/1", indented, always valid UTF-8, with a
/// newline at its end.
std::string render_json(const Report& report);

}  // namespace importlock
