#pragma once

#include <optional>
#include <string>

#include "target/memory.hpp"
#include "target/target.hpp"

namespace importlock {

/// What a system call works on, in words: the path of its file, of a live process also that behind
/// a file descriptor ("/run/queue.fifo", "socket:[4711]"), or else "descriptor 5"; "process 4243"
/// for a wait. Empty where that cannot be told.
std::string call_object(const Target& target, Memory& memory, const SystemCall& call);

/// How many seconds the call was to last at most when it began; nothing where it has no time-out,
/// or an absolute one that cannot be compared with now.
std::optional<double> call_time_out(const Target& target, Memory& memory, const SystemCall& call);

}  // namespace importlock
