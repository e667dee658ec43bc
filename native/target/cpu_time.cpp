#include "target/cpu_time.hpp"

#include <fmt/format.h>

#include <charconv>
#include <ctime>

#include "base/error.hpp"
#include "target/proc_file.hpp"

namespace importlock {

std::optional<std::uint64_t> cpu_time(int pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
    return std::nullopt;
  }
  constexpr std::uint64_t second = 1'000'000'000;
  return static_cast<std::uint64_t>(time.tv_sec) * second +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::optional<std::uint64_t> waits_begun(int pid, Lwp lwp) {
  try {
    const auto status = read_proc_file(fmt::format("/proc/{}/task/{}/status", pid, lwp));
    const auto number = status_field(status, "voluntary_ctxt_switches");
    std::uint64_t waits = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), waits);
    return error == std::errc{} ? std::optional(waits) : std::nullopt;
  } catch (const FileError&) {
    return std::nullopt;
  }
}

}  // namespace importlock
