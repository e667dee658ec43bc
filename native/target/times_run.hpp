#pragma once

#include <cstdint>
#include <optional>

#include "base/address.hpp"

namespace importlock {

/// How often thread `lwp` of process `pid` has been put on a CPU: the third number of
/// /proc/PID/task/LWP/schedstat (Linux, Documentation/scheduler/sched-stats.rst), or, of a kernel
/// without that file, its context switches, voluntary or not (proc_pid_status(5)). A thread that
/// waits at two times and for which it is the same has waited all the while. Nothing where there is
/// no such thread. Throws FileError.
std::optional<std::uint64_t> times_run(int pid, Lwp lwp);

}  // namespace importlock
