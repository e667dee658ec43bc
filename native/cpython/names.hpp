#pragma once

#include <span>
#include <string_view>

#include "base/address.hpp"

namespace importlock {

struct Library;

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
  exit_wait,  ///< waits at the end of the program for threads that are no daemons
};

/// What the standard library and the interpreter call their parts in a version; the tables stand in
/// layouts/. A name that the version does not have is empty.
struct Names {
  struct Place {
    std::string_view module, type, name;
    Function function;
  };
  struct Type {
    Address Library::*member;
    std::string_view module, name;
  };
  struct WaitingCode {
    std::string_view file;  ///< how its path ends
    std::string_view name;
  };
  std::span<const Place> places;
  std::span<const Type> types;
  /// The code that the library's waits are in.
  std::span<const WaitingCode> waiting_code;

  struct {
    std::string_view ident, name, stopped;
  } thread;
  struct {
    std::string_view block, owner;
  } rlock;
  struct {
    std::string_view lock;
  } condition;

  // Functions of C, by their modules or types.
  std::string_view lock_methods;  ///< what the names of a lock's methods begin with
  std::string_view lock_exit;
  std::string_view import_function;
  std::string_view acquire_import_lock, release_import_lock;
  std::string_view getaddrinfo;
  std::span<const std::string_view> importers;    ///< whose module-level work is an import
  std::span<const std::string_view> codec_users;  ///< which look a codec up, hence import it
  std::span<const std::string_view> forks;
};

}  // namespace importlock
