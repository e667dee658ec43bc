#include "cpython/layouts/names27.hpp"

#include <array>

#include "cpython/library.hpp"

namespace importlock {

namespace {

// Lib/threading.py, Lib/Queue.py, Lib/subprocess.py, Lib/multiprocessing/{pool,process}.py,
// Lib/encodings/__init__.py and Lib/importlib/__init__.py of 2.7. `__enter__` of RLock and
// Semaphore is `acquire` itself.
constexpr std::array places{
    Names::Place{"threading", "Thread", "start", Function::thread_start},
    Names::Place{"threading", "Thread", "join", Function::thread_join},
    Names::Place{"threading", "_MainThread", "_exitfunc", Function::exit_wait},
    Names::Place{"threading", "_Condition", "wait", Function::condition_wait},
    Names::Place{"threading", "_Condition", "_acquire_restore",
                 Function::condition_acquire_restore},
    Names::Place{"threading", "_Condition", "__enter__", Function::condition_enter},
    Names::Place{"threading", "_Event", "wait", Function::event_wait},
    Names::Place{"threading", "_Semaphore", "acquire", Function::semaphore_acquire},
    Names::Place{"threading", "_RLock", "acquire", Function::rlock_acquire},
    Names::Place{"threading", "_RLock", "_acquire_restore", Function::rlock_acquire_restore},
    Names::Place{"Queue", "Queue", "get", Function::queue_get},
    Names::Place{"Queue", "Queue", "put", Function::queue_put},
    Names::Place{"Queue", "Queue", "join", Function::queue_join},
    Names::Place{"multiprocessing.pool", "ApplyResult", "wait", Function::pool_result_wait},
    Names::Place{"multiprocessing.pool", "Pool", "_handle_workers", Function::pool_handle_workers},
    Names::Place{"multiprocessing.process", "Process", "join", Function::process_join},
    Names::Place{"subprocess", "Popen", "wait", Function::popen_wait},
    Names::Place{"subprocess", "Popen", "communicate", Function::popen_communicate},
    Names::Place{"encodings", "", "search_function", Function::codec_search},
    Names::Place{"importlib", "", "import_module", Function::import_module},
};

constexpr std::array types{
    Names::Type{&Library::thread, "threading", "Thread"},
    Names::Type{&Library::python_rlock, "threading", "_RLock"},
    Names::Type{&Library::condition, "threading", "_Condition"},
    Names::Type{&Library::process_lock, "multiprocessing.synchronize", "Lock"},
    Names::Type{&Library::process_rlock, "multiprocessing.synchronize", "RLock"},
    Names::Type{&Library::lock, "thread", "LockType"},
};

constexpr std::string_view threading = "/python2.7/threading.py";
constexpr std::string_view queue = "/python2.7/Queue.py";
constexpr std::array waiting_code{
    Names::WaitingCode{threading, "wait"},    Names::WaitingCode{threading, "join"},
    Names::WaitingCode{threading, "acquire"}, Names::WaitingCode{threading, "_acquire_restore"},
    Names::WaitingCode{queue, "get"},         Names::WaitingCode{queue, "put"},
    Names::WaitingCode{queue, "join"},
};

// Python/bltinmodule.c, Python/import.c.
constexpr std::array<std::string_view, 6> importers{"__builtin__.__import__", "__builtin__.reload",
                                                    "imp.load_module",        "imp.load_source",
                                                    "imp.load_compiled",      "imp.load_dynamic"};
// Python/codecs.c.
constexpr std::array<std::string_view, 8> codec_users{
    "unicode.encode", "unicode.decode", "str.encode",     "str.decode",
    "_codecs.lookup", "_codecs.encode", "_codecs.decode", "_socket.getaddrinfo"};
constexpr std::array<std::string_view, 3> forks{"posix.fork", "posix.forkpty", "posix.fork1"};

}  // namespace

const Names python27_names{
    .import_locking = ImportLocking::program,
    .places = places,
    .types = types,
    .import_files = {},
    .waiting_code = waiting_code,
    .thread = {"_Thread__ident", "_Thread__name", "_Thread__stopped", {}, {}},
    .rlock = {"_RLock__block", "_RLock__owner"},
    .condition = {"_Condition__lock"},
    .module_lock = {},
    .simple_queue_get = {},
    .rlock_restore = {},
    .shutdown = {},
    .lock_methods = "thread.lock.",
    .lock_exit = "thread.lock.__exit__",
    .import_function = "__builtin__.__import__",
    .acquire_import_lock = "imp.acquire_lock",
    .release_import_lock = "imp.release_lock",
    .getaddrinfo = "_socket.getaddrinfo",
    .pickling = {},
    .importers = importers,
    .codec_users = codec_users,
    .forks = forks,
    .interpreter_modules = {},
};

}  // namespace importlock
