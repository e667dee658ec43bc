#pragma once

#include <optional>

#include "base/address.hpp"

namespace importlock {

/// The id that thread `lwp` of live process `pid` has in its own pid namespace, which is what the
/// C library of the target knows it by; nothing where the kernel does not tell. Throws FileError.
std::optional<Lwp> namespace_lwp(int pid, Lwp lwp);

}  // namespace importlock
