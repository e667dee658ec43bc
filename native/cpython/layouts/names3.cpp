#include "cpython/layouts/names3.hpp"

#include <array>

#include "cpython/library.hpp"

namespace importlock {

namespace {

// Lib/threading.py, Lib/queue.py, Lib/subprocess.py, Lib/concurrent/futures/_base.py,
// Lib/multiprocessing/{pool,process}.py, Lib/importlib/*.py and Lib/encodings/__init__.py of 3.6 to
// 3.15. `__enter__` of Semaphore is `acquire` itself. What a version does not have is not found.
constexpr std::array places{
    Names::Place{"threading", "Thread", "start", Function::thread_start},
    Names::Place{"threading", "Thread", "join", Function::thread_join},
    Names::Place{"threading", "Thread", "_wait_for_tstate_lock", Function::thread_wait_for_end},
    Names::Place{"threading", "Condition", "wait", Function::condition_wait},
    Names::Place{"threading", "Condition", "wait_for", Function::condition_wait_for},
    Names::Place{"threading", "Condition", "_acquire_restore", Function::condition_acquire_restore},
    Names::Place{"threading", "Condition", "__enter__", Function::condition_enter},
    Names::Place{"threading", "Event", "wait", Function::event_wait},
    Names::Place{"threading", "Semaphore", "acquire", Function::semaphore_acquire},
    Names::Place{"threading", "Barrier", "wait", Function::barrier_wait},
    Names::Place{"threading", "Barrier", "_wait", Function::barrier_wait},
    Names::Place{"threading", "_PyRLock", "acquire", Function::rlock_acquire},
    Names::Place{"threading", "_PyRLock", "_acquire_restore", Function::rlock_acquire_restore},
    Names::Place{"threading", "", "_shutdown", Function::exit_wait},
    Names::Place{"queue", "Queue", "get", Function::queue_get},
    Names::Place{"queue", "Queue", "put", Function::queue_put},
    Names::Place{"queue", "Queue", "join", Function::queue_join},
    Names::Place{"concurrent.futures._base", "Future", "result", Function::future_result},
    Names::Place{"concurrent.futures._base", "Future", "exception", Function::future_result},
    Names::Place{"concurrent.futures._base", "", "wait", Function::futures_wait},
    Names::Place{"concurrent.futures._base", "", "as_completed", Function::futures_as_completed},
    Names::Place{"multiprocessing.pool", "ApplyResult", "wait", Function::pool_result_wait},
    Names::Place{"multiprocessing.pool", "Pool", "_handle_workers", Function::pool_handle_workers},
    Names::Place{"multiprocessing.pool", "Pool", "_wait_for_updates",
                 Function::pool_wait_for_updates},
    Names::Place{"multiprocessing.process", "BaseProcess", "join", Function::process_join},
    Names::Place{"subprocess", "Popen", "wait", Function::popen_wait},
    Names::Place{"subprocess", "Popen", "communicate", Function::popen_communicate},
    Names::Place{"encodings", "", "search_function", Function::codec_search},
    Names::Place{"importlib", "", "import_module", Function::import_module},
    Names::Place{"importlib.util", "", "find_spec", Function::find_spec},
    Names::Place{"importlib.resources._common", "", "files", Function::resources},
    Names::Place{"importlib.resources._common", "", "resolve", Function::resources},
    Names::Place{"_frozen_importlib", "_ModuleLock", "acquire", Function::module_lock_acquire},
    Names::Place{"_frozen_importlib", "", "_find_and_load", Function::find_and_load},
    Names::Place{"_frozen_importlib", "", "_load", Function::load_spec},
    Names::Place{"_frozen_importlib", "", "_exec", Function::load_spec},
    Names::Place{"multiprocessing.reduction", "ForkingPickler", "dumps", Function::pickle},
};

constexpr std::array types{
    Names::Type{&Library::thread, "threading", "Thread"},
    Names::Type{&Library::rlock, "_thread", "RLock"},
    Names::Type{&Library::python_rlock, "threading", "_PyRLock"},
    Names::Type{&Library::condition, "threading", "Condition"},
    Names::Type{&Library::process_lock, "multiprocessing.synchronize", "Lock"},
    Names::Type{&Library::process_rlock, "multiprocessing.synchronize", "RLock"},
    Names::Type{&Library::lock, "_thread", "LockType"},
    Names::Type{&Library::module_lock, "_frozen_importlib", "_ModuleLock"},
};

constexpr std::array<std::string_view, 2> import_files{"<frozen importlib._bootstrap>",
                                                       "<frozen importlib._bootstrap_external>"};

// Python/bltinmodule.c, Python/import.c.
constexpr std::array<std::string_view, 3> importers{"builtins.__import__", "_imp.create_dynamic",
                                                    "_imp.exec_dynamic"};
// Python/codecs.c, Objects/unicodeobject.c, Objects/bytesobject.c, Modules/socketmodule.c.
constexpr std::array<std::string_view, 7> codec_users{
    "str.encode",     "bytes.decode",   "bytearray.decode",   "_codecs.lookup",
    "_codecs.encode", "_codecs.decode", "_socket.getaddrinfo"};
constexpr std::array<std::string_view, 3> forks{"posix.fork", "posix.forkpty", "posix.fork1"};

constexpr std::array<std::string_view, 2> interpreter_modules{"_interpreters.",
                                                              "_xxsubinterpreters."};

constexpr Names names_of_3{
    .import_locking = ImportLocking::module,
    .places = places,
    .types = types,
    .import_files = import_files,
    .waiting_code = {},
    .thread = {"_ident", "_name", "_is_stopped", "_tstate_lock", {}},
    .rlock = {"_block", "_owner"},
    .condition = {"_lock"},
    .module_lock = {"_frozen_importlib", "_module_locks", "name", "owner", "count"},
    .simple_queue_get = "_queue.SimpleQueue.get",
    .rlock_restore = "_thread.RLock._acquire_restore",
    .shutdown = "_thread._shutdown",
    .lock_methods = "_thread.lock.",
    .lock_exit = "_thread.lock.__exit__",
    .import_function = "builtins.__import__",
    .acquire_import_lock = "_imp.acquire_lock",
    .release_import_lock = "_imp.release_lock",
    .getaddrinfo = "_socket.getaddrinfo",
    .pickling = "_pickle.",
    .importers = importers,
    .codec_users = codec_users,
    .forks = forks,
    .interpreter_modules = interpreter_modules,
};

/// Lib/threading.py of 3.13: a thread's end is told by its handle.
constexpr Names names_of_313() {
  auto names = names_of_3;
  names.thread.stopped = {};
  names.thread.end_lock = {};
  names.thread.handle = "_handle";
  return names;
}

constexpr Names names_of_314() {
  auto names = names_of_313();
  names.thread.handle = "_os_thread_handle";
  return names;
}

}  // namespace

const Names python3_names = names_of_3;
const Names python313_names = names_of_313();
const Names python314_names = names_of_314();

}  // namespace importlock
