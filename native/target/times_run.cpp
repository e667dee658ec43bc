#include "target/times_run.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "base/error.hpp"
#include "target/proc_file.hpp"

namespace importlock {

namespace {

/// The last number of the line "TIME-ON-CPU TIME-WAITED TIMES".
std::optional<std::uint64_t> last_number(std::string_view line) {
  const auto end_of_digits = line.find_last_not_of(" \n");
  if (end_of_digits == std::string_view::npos) return std::nullopt;
  line = line.substr(0, end_of_digits + 1);
  line.remove_prefix(line.find_last_of(' ') + 1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  return error == std::errc{} ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> times_run(int pid, Lwp lwp) {
  try {
    const auto times =
        last_number(read_proc_file(fmt::format("/proc/{}/task/{}/schedstat", pid, lwp)));
    // A kernel that was told not to count says 0.
    if (times && *times > 0) return times;
  } catch (const FileError& error) {
    if (!error.none()) throw;
  }
  const auto voluntary = status_number(pid, lwp, "voluntary_ctxt_switches");
  const auto other = status_number(pid, lwp, "nonvoluntary_ctxt_switches");
  if (!voluntary || !other) return std::nullopt;
  return *voluntary + *other;
}

}  // namespace importlock
