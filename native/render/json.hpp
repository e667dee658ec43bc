#pragma once

#include <string>

#include "model/report.hpp"
#include "render/json_writer.hpp"

namespace importlock {

/// The report as one JSON object of schema "py-importlock/2", in ASCII, with a newline at its
/// end. Bytes that are no UTF-8 become U+FFFD.
std::string render_json(const Report& report, JsonStyle style = JsonStyle::indented);

/// In its place, of a target that could not be looked at: schema, target and `error`, on one line.
std::string render_json_failure(const TargetInfo& target, const std::string& error);

}  // namespace importlock
