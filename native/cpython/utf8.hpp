#pragma once

#include <cstdint>
#include <string>

namespace importlock {

/// Appends a code point; U+FFFD for what is none.
void append_utf8(std::string& out, std::uint32_t code);

}  // namespace importlock
