#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/address.hpp"
#include "cpython/objects.hpp"

namespace importlock {

/// Functions of the standard library in which threads wait, or which import for others.
enum class Function {
  thread_start,
  thread_join,
  condition_wait,
  condition_acquire_restore,
  condition_enter,
  event_wait,
  semaphore_acquire,
  rlock_acquire,
  rlock_acquire_restore,
  queue_get,
  queue_put,
  queue_join,
  pool_result_wait,
  pool_handle_workers,
  process_join,
  popen_wait,
  popen_communicate,
  codec_search,
  import_module,
};

/// What of the standard library one interpreter of the target has loaded. Functions are known by
/// the addresses of their code objects, so that an application's `wait` is not taken for theirs.
struct Library {
  std::unordered_map<Address, Function> functions;  ///< by code object
  std::unordered_set<std::string> files;            ///< co_filename of those functions
  std::string folder;                               ///< of its files; empty where unknown
  std::string problem;                              ///< why it is not whole; empty where it is
  Address thread, rlock, condition;                 ///< classes of threading
  Address process_lock, process_rlock;              ///< classes of multiprocessing.synchronize
  Address lock;                                     ///< thread.LockType
  Address modules;                                  ///< sys.modules
  std::unordered_map<PthreadId, Address> active;    ///< threading._active: ident to Thread

  /// Whether a co_filename is the standard library's: below its folder, and not installed there.
  [[nodiscard]] bool owns(std::string_view file) const;

  [[nodiscard]] std::optional<Function> function(Address code) const {
    const auto found = functions.find(code);
    return found == functions.end() ? std::nullopt : std::optional(found->second);
  }
};

/// Looks the library up in sys.modules of an interpreter. What is not loaded stays null, and so
/// does what cannot be read, of which `problem` tells.
Library read_library(Objects& objects, Address modules);

}  // namespace importlock
