#pragma once

#include "model/snapshot.hpp"
#include "target/target.hpp"

namespace importlock {

struct CaptureOptions {
  bool locals = false;  ///< the arguments and locals of each frame
};

/// Reads all that the report needs from the target; nothing touches the target afterwards. What
/// cannot be read is missing in the snapshot, and its `problems` say why. A process that runs on
/// (Target::look_again) is read again where it moved meanwhile, a bounded number of times; where it
/// never kept still, `problems` say what moved. Throws TargetError where there is no CPython to
/// look at.
Snapshot capture(Target& target, const CaptureOptions& options = {});

}  // namespace importlock
