#pragma once

#include <cstdint>
#include <optional>

namespace importlock {

/// The time that all threads of a process, also those that have ended, have spent on a CPU, in
/// nanoseconds, as its CPU-time clock tells it (clock_getcpuclockid(3)). Where it is the same at
/// two times, none of them has run in between, so that the memory of the process is as it was.
/// Nothing where there is no such process or the kernel does not tell.
std::optional<std::uint64_t> cpu_time(int pid);

}  // namespace importlock
