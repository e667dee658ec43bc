#include "base/address.hpp"

#include <fmt/format.h>

namespace importlock {

std::string to_hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

}  // namespace importlock
