#include "cpython/library.hpp"

#include <array>
#include <string_view>

#include "base/error.hpp"

namespace importlock {

namespace {

struct Place {
  std::string_view module, type, name;
  Function function;
};

// Lib/threading.py, Lib/Queue.py, Lib/subprocess.py, Lib/multiprocessing/{pool,process}.py,
// Lib/encodings/__init__.py and Lib/importlib/__init__.py of 2.7. `__enter__` of RLock and
// Semaphore is `acquire` itself.
constexpr std::array places{
    Place{"threading", "Thread", "start", Function::thread_start},
    Place{"threading", "Thread", "join", Function::thread_join},
    Place{"threading", "_Condition", "wait", Function::condition_wait},
    Place{"threading", "_Condition", "_acquire_restore", Function::condition_acquire_restore},
    Place{"threading", "_Condition", "__enter__", Function::condition_enter},
    Place{"threading", "_Event", "wait", Function::event_wait},
    Place{"threading", "_Semaphore", "acquire", Function::semaphore_acquire},
    Place{"threading", "_RLock", "acquire", Function::rlock_acquire},
    Place{"threading", "_RLock", "_acquire_restore", Function::rlock_acquire_restore},
    Place{"Queue", "Queue", "get", Function::queue_get},
    Place{"Queue", "Queue", "put", Function::queue_put},
    Place{"Queue", "Queue", "join", Function::queue_join},
    Place{"multiprocessing.pool", "ApplyResult", "wait", Function::pool_result_wait},
    Place{"multiprocessing.pool", "Pool", "_handle_workers", Function::pool_handle_workers},
    Place{"multiprocessing.process", "Process", "join", Function::process_join},
    Place{"subprocess", "Popen", "wait", Function::popen_wait},
    Place{"subprocess", "Popen", "communicate", Function::popen_communicate},
    Place{"encodings", "", "search_function", Function::codec_search},
    Place{"importlib", "", "import_module", Function::import_module},
};

constexpr std::size_t most_threads = 100'000;

}  // namespace

bool Library::owns(std::string_view file) const {
  return !folder.empty() && file.starts_with(folder) &&
         file.find("site-packages/") == std::string_view::npos &&
         file.find("dist-packages/") == std::string_view::npos;
}

Library read_library(Objects& objects, Address modules) {
  const auto& layout = objects.layout();
  Library library;
  library.modules = modules;
  // What one step cannot read is no reason to do without the others.
  const auto step = [&](const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      if (library.problem.empty()) library.problem = error.what();
    }
  };
  const auto read_place = [&](const Place& place) {
    auto scope = objects.item(modules, place.module);
    if (!place.type.empty()) scope = objects.attribute(scope, place.type);
    auto function = objects.attribute(scope, place.name);
    // A static method wraps its function: Objects/funcobject.c, sm_callable is its first field.
    if (!function.is_null() && objects.type_name(objects.type_of(function)) == "staticmethod") {
      function = objects.pointer(function + layout.cell.ob_ref);
    }
    if (!objects.is(function, objects.types().function)) return;
    const auto code = objects.pointer(function + layout.function.func_code);
    library.functions[code] = place.function;
    if (auto file = objects.text(objects.pointer(code + layout.code.co_filename))) {
      if (place.module == "threading" && file->find('/') != std::string::npos) {
        library.folder = file->substr(0, file->rfind('/') + 1);
      }
      library.files.insert(std::move(*file));
    }
  };
  for (const auto& place : places) step([&] { read_place(place); });
  const auto take = [&](Address& into, std::string_view module, std::string_view name) {
    step([&] { into = objects.attribute(objects.item(modules, module), name); });
  };
  take(library.thread, "threading", "Thread");
  take(library.rlock, "threading", "_RLock");
  take(library.condition, "threading", "_Condition");
  take(library.process_lock, "multiprocessing.synchronize", "Lock");
  take(library.process_rlock, "multiprocessing.synchronize", "RLock");
  take(library.lock, "thread", "LockType");
  Address active;
  take(active, "threading", "_active");
  step([&] {
    objects.for_each_item(active, [&](Address ident, Address thread) {
      if (const auto number = objects.integer(ident)) {
        library.active[objects.ident(*number)] = thread;
      }
      if (library.active.size() < most_threads) return true;
      throw LimitError("threading knows more threads than there can be");
    });
  });
  return library;
}

}  // namespace importlock
