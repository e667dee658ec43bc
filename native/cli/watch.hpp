#pragma once

#include "cli/options.hpp"

namespace importlock::cli {

/// Looks at the one target of `options` every `options.watch` seconds, says at each look whether
/// the owner of the import lock has moved, and ends when something has changed: the verdict, who
/// holds the lock, who waits, or that the target can be looked at. Gives the last look's exit
/// status.
int watch(const Options& options);

}  // namespace importlock::cli
