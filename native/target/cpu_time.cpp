#include "target/cpu_time.hpp"

#include <ctime>

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
  return status_number(pid, lwp, "voluntary_ctxt_switches");
}

}  // namespace importlock
