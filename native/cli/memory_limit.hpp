#pragma once

namespace importlock::cli {

/// What is said where memory is lacking.
inline constexpr const char* out_of_memory = "there is not enough memory";

/// Says that memory is lacking, without asking for any. Where it is lacking for an exception, the
/// process does so by itself, and ends with status 2 in the place of abort().
void complain_of_memory();

}  // namespace importlock::cli
