#pragma once

#include <map>
#include <string>

namespace importlock {

/// By thread of the process, the text of /proc/PID/task/TID/schedstat: the time on a CPU, the time
/// in wait of one, and the number of turns (Documentation/scheduler/sched-stats.rst). A thread for
/// which it is the same at two times has not run in between. Empty where the kernel does not tell.
std::map<std::string, std::string> run_times(int pid);

}  // namespace importlock
