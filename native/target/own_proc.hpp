#pragma once

#include <string>

namespace importlock {

/// Throws TargetError where /proc is not mounted, or is that of another pid namespace: its ids are
/// then not those by which this program reads memory, and may be those of other processes here.
void require_own_proc();

/// Whether /proc is mounted so that processes of other users may be hidden from this one
/// (proc(5), hidepid).
bool hides_processes();

/// Why there is no file /proc/PID/status, which everybody may read, for this error; one sentence.
std::string why_no_process(int pid, int error_number);

}  // namespace importlock
