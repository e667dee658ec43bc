#pragma once

#include <string_view>

namespace importlock::cli {

/// Makes sure that the three standard descriptors are taken, lest a file that is opened get the
/// number of one, and be written to. Throws FileError where standard output is closed.
void take_standard_descriptors();

/// Writes to standard output. Throws FileError where that fails, which can show later than it
/// happens, in finish_output() at the latest.
void write(std::string_view text);
/// Has all that was written arrive. Throws FileError.
void flush_output();
/// The same for the last time.
void finish_output();

/// Writes "py-importlock: LINE" on standard error. Where that fails, there is nowhere to say so.
void complain(std::string_view line);

}  // namespace importlock::cli
