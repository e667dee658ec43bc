#pragma once

#include "target/target.hpp"

namespace importlock {

/// A live process of this machine, read through process_vm_readv and /proc: it is neither stopped
/// nor traced nor signalled, so it runs on while it is read, and Target::look_again is set. `pid`
/// may be that of any of its threads. `files` says where its files are found besides its own root.
/// Throws TargetError, of one line, where there is no such process, it has ended, it is a thread of
/// the kernel, or it may not be read.
Target process_target(int pid, FileLookup files);

}  // namespace importlock
