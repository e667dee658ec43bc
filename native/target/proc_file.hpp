#pragma once

#include <string>
#include <string_view>

namespace importlock {

/// The whole text of a file of /proc, whose size the kernel does not tell beforehand. Throws
/// FileError.
std::string read_proc_file(const std::string& path);

/// The one line of `name` in the folder that `directory` has open, which the kernel gives in one
/// read. Throws FileError.
std::string read_proc_line_at(int directory, const std::string& name);

/// What follows "KEY:" in text of the shape of /proc/PID/status, without the white space around it;
/// empty where no line begins so.
std::string_view status_field(std::string_view status, std::string_view key);

}  // namespace importlock
