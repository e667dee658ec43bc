#pragma once

#include <string>
#include <string_view>

namespace importlock {

/// Text of the target as plain data: control characters and bytes outside ASCII become "\x1b", so
/// that nothing in it moves a terminal's cursor or changes its colours.
std::string escaped(std::string_view text);

}  // namespace importlock
