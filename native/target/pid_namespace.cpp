#include "target/pid_namespace.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/error.hpp"
#include "target/proc_file.hpp"

namespace importlock {

std::optional<Lwp> namespace_lwp(int pid, Lwp lwp) {
  try {
    const auto status = read_proc_file(fmt::format("/proc/{}/task/{}/status", pid, lwp));
    // NSpid of proc_pid_status(5), Linux >= 4.1: from the reader's namespace to the innermost.
    auto numbers = status_field(status, "NSpid");
    numbers.remove_prefix(numbers.find_last_of(" \t") + 1);
    Lwp innermost = 0;
    const auto [end, error] =
        std::from_chars(numbers.data(), numbers.data() + numbers.size(), innermost);
    return error == std::errc{} ? std::optional(innermost) : std::nullopt;
  } catch (const FileError&) {
    return std::nullopt;
  }
}

}  // namespace importlock
