#pragma once

#include "model/report.hpp"

namespace importlock {

/// Whether two looks at one process found the same hang: what hangs is still there a moment later,
/// and what only passes is not.
bool same_hang(const Report& first, const Report& second);

/// Whether a thread that was seen to run may have been between two of the waits of 5 ms that
/// CPython 3 makes for the GIL (Python/ceval_gil.h, take_gil): a thread that waits for something
/// else holds it, or a thread state of the same thread. Another look shows which. So it is with the
/// waits of 1 ms until the world stops in a free-threaded build (Python/pystate.c, stop_the_world),
/// by a new thread of C that is joined.
bool may_wait_for_gil(const Report& report);

/// Makes the verdict of a process that runs on unknown where it says that something hangs for ever,
/// but no second look found the same. A problem says so.
void doubt_hang(Report& report);

}  // namespace importlock
