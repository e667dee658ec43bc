#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"

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

/// The number after "KEY:" in /proc/PID/task/LWP/status, the last where there are several; nothing
/// where there is no such thread or no such line.
std::optional<std::uint64_t> status_number(int pid, Lwp lwp, std::string_view key);

}  // namespace importlock
