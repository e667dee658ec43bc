#pragma once

#include <cstdint>
#include <optional>

#include "model/snapshot.hpp"

namespace importlock {

/// The time that all threads of a process, also those that have ended, have spent on a CPU, in
/// nanoseconds, as its CPU-time clock tells it (clock_getcpuclockid(3)). Where it is the same at
/// two times, none of them has run in between, so that the memory of the process is as it was.
/// Nothing where there is no such process or the kernel does not tell.
std::optional<std::uint64_t> cpu_time(int pid);

/// How often a thread has begun to wait, voluntary_ctxt_switches of proc_pid_status(5). Where it is
/// the same at two times at which the thread waits, it has waited all the while. Nothing where
/// there is no such thread. Throws FileError.
std::optional<std::uint64_t> waits_begun(int pid, Lwp lwp);

}  // namespace importlock
