#pragma once

#include "model/report.hpp"

namespace importlock {

/// Whether two looks at one process found the same hang: what hangs is still there a moment later,
/// and what only passes is not.
bool same_hang(const Report& first, const Report& second);

/// Makes the verdict of a process that runs on unknown where it says that something hangs for ever,
/// but no second look found the same. A problem says so.
void doubt_hang(Report& report);

}  // namespace importlock
