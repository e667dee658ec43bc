#pragma once

#include "model/snapshot.hpp"
#include "target/target.hpp"

namespace importlock {

/// Reads all that the report needs from the target; nothing touches the target afterwards. What
/// cannot be read is missing in the snapshot, and its `problems` say why. Throws TargetError where
/// there is no CPython 2.7 to look at.
Snapshot capture(const Target& target);

}  // namespace importlock
