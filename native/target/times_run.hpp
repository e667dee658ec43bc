#pragma once

#include <cstdint>
#include <optional>

#include "base/address.hpp"

namespace importlock {

/// How often thread `lwp` of process `pid` has been put on a CPU: the third number of
/// /proc/PID/task/LWP/schedstat (Linux, Documentation/scheduler/sched-stats.rst), or, of a kernel
/// without that file, its context switches, voluntary or not (proc_pid_status(5)). A thread that
/// waited when this was read, or later, and for which it is the same at the end has waited all the
/// while. `tasks`: the open folder /proc/PID/task. Nothing where there is no such thread. Throws
/// FileError.
std::optional<std::uint64_t> times_run(int pid, Lwp lwp, int tasks);
/// The same, with the folder opened for it.
std::optional<std::uint64_t> times_run(int pid, Lwp lwp);

}  // namespace importlock
