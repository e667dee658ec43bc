#include "cpython/library.hpp"

#include <string_view>

#include "base/error.hpp"

namespace importlock {

namespace {

constexpr std::size_t most_threads = 100'000;

}  // namespace

bool Library::owns(std::string_view file) const {
  // Modules that are frozen into the interpreter, such as importlib's.
  if (file.starts_with("<frozen ")) return true;
  return !folder.empty() && file.starts_with(folder) &&
         file.find("site-packages/") == std::string_view::npos &&
         file.find("dist-packages/") == std::string_view::npos;
}

Library read_library(Objects& objects, Address modules, const Names& names) {
  const auto& layout = objects.layout();
  Library library(names);
  library.modules = modules;
  // What one step cannot read is no reason to do without the others.
  const auto step = [&](const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      if (library.problem.empty()) library.problem = error.what();
    }
  };
  std::unordered_set<std::string_view> modules_read;
  const auto read_place = [&](const Names::Place& place) {
    auto scope = objects.item(modules, place.module);
    if (!place.type.empty()) scope = objects.attribute(scope, place.type);
    auto function = objects.attribute(scope, place.name);
    // Objects/funcobject.c: sm_callable and cm_callable are the first field.
    if (!function.is_null() && !objects.is(function, objects.types().function)) {
      const auto wrapper = objects.type_name(objects.type_of(function));
      if (wrapper == "staticmethod" || wrapper == "classmethod") {
        function = objects.pointer(function + layout.cell.ob_ref);
      }
    }
    if (!objects.is(function, objects.types().function)) return;
    const auto code = objects.pointer(function + layout.function.func_code);
    library.functions[code] = place.function;
    // Of a module whose file is known, the next function tells no more.
    if (modules_read.contains(place.module)) return;
    if (auto file = objects.text(objects.pointer(code + layout.code.co_filename))) {
      if (place.module == "threading" && file->find('/') != std::string::npos) {
        library.folder = file->substr(0, file->rfind('/') + 1);
      }
      library.files.insert(std::move(*file));
      modules_read.insert(place.module);
    }
  };
  for (const auto& file : names.import_files) library.files.emplace(file);
  for (const auto& place : names.places) step([&] { read_place(place); });
  const auto take = [&](Address& into, std::string_view module, std::string_view name) {
    step([&] { into = objects.attribute(objects.item(modules, module), name); });
  };
  for (const auto& type : names.types) take(library.*type.member, type.module, type.name);
  if (!names.module_lock.all.empty()) {
    take(library.module_locks, names.module_lock.module, names.module_lock.all);
  }
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
