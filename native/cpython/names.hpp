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
  pool_wait_for_updates,  ///< between two rounds of the same
  process_join,
  popen_wait,
  popen_communicate,
  codec_search,
  import_module,
  thread_wait_for_end,  ///< called by join, waits for the lock that a thread's end releases
  condition_wait_for,
  barrier_wait,
  future_result,
  futures_wait,
  futures_as_completed,
  exit_wait,  ///< waits at the end of the program for threads that are no daemons
  module_lock_acquire,
  find_and_load,
  load_spec,
  find_spec,
  resources,
  pickle,
};

/// Whose lock an import takes.
enum class ImportLocking {
  program,  ///< one lock for all modules
  module,   ///< one for each; the program's is held for moments, and by who calls for it
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
  ImportLocking import_locking;
  std::span<const Place> places;
  std::span<const Type> types;
  /// co_filename of what importing is written in, where that is Python.
  std::span<const std::string_view> import_files;
  /// The code that the library's waits are in.
  std::span<const WaitingCode> waiting_code;

  struct {
    std::string_view ident, name, stopped;
    std::string_view end_lock;  ///< held until the thread's end
    std::string_view handle;    ///< whose event tells of the thread's end
  } thread;
  struct {
    std::string_view block, owner;
  } rlock;
  struct {
    std::string_view lock;
  } condition;
  struct {
    std::string_view module, all;  ///< where they are: a dict of name to weakref
    std::string_view name, owner, count;
  } module_lock;

  // Functions of C, by their modules or types.
  std::string_view simple_queue_get;
  std::string_view rlock_restore;
  std::string_view shutdown;      ///< waits at the end of the program
  std::string_view lock_methods;  ///< what the names of a lock's methods begin with
  std::string_view lock_exit;
  std::string_view import_function;
  std::string_view acquire_import_lock, release_import_lock;
  std::string_view getaddrinfo;
  std::string_view pickling;                    ///< what the names of pickle's functions begin with
  std::span<const std::string_view> importers;  ///< whose module-level work is an import
  std::span<const std::string_view> codec_users;  ///< which look a codec up, hence import it
  std::span<const std::string_view> forks;
  /// Modules that run code in another interpreter, with the dot behind them.
  std::span<const std::string_view> interpreter_modules;
};

}  // namespace importlock
