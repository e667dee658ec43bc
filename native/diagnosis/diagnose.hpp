#pragma once

#include "model/report.hpp"

namespace importlock {

/// What the facts of a snapshot force, and no more: who waits for whom, and the verdict. Pure.
///
/// Its reasoning covers waits for the import lock, for the GIL and for a thread's end
/// (Thread.join). A thread blocked otherwise is shown with its system call, and counts as something
/// that could still move.
Report diagnose(Snapshot snapshot);

}  // namespace importlock
