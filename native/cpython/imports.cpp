#include "cpython/imports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/error.hpp"

namespace importlock {

namespace {

using Kind = Operation::Kind;

constexpr std::size_t most_starts = 1'000;

bool among(std::span<const std::string_view> all, std::string_view name) {
  return std::ranges::find(all, name) != all.end();
}

}  // namespace

std::optional<std::string> ImportReader::imported_name(const RawFrame& frame) {
  const auto instruction = frames_.instruction(frame);
  if (!instruction) return std::nullopt;
  if (instruction->opcode == Opcode::import_name) {
    return frames_.name_operand(frame, *instruction);
  }
  const auto callee = frames_.callee(frame);
  if (!callee || !among(names().importers, callee->name)) return std::nullopt;
  return objects_.text(callee->first_argument).value_or("");
}

bool ImportReader::imports_under_lock(const RawFrame& frame) {
  if (names().import_locking != ImportLocking::program) return false;
  // Python/import.c, PyImport_ImportModuleLevel.
  const auto instruction = frames_.instruction(frame);
  if (instruction && instruction->opcode == Opcode::import_name) return true;
  const auto callee = frames_.callee(frame);
  return callee && callee->name == names().import_function;
}

void ImportReader::read_modules(ThreadFacts& thread, const std::vector<RawFrame>& frames) {
  Address previous;
  for (std::size_t i = frames.size(); i-- > 0;) {
    const auto& frame = frames[i];
    const bool locks = names().import_locking == ImportLocking::program;
    if (const auto name = locks ? imported_name(frame) : std::nullopt) {
      thread.import_lock_evidence = "import " + *name;
    }
    // A module's body runs with the dict of the module as its globals and its locals.
    if (frame.code->name != "<module>" || frame.globals != frame.locals ||
        frame.globals == previous) {
      continue;
    }
    const auto name = objects_.name(objects_.item(frame.globals, "__name__"));
    const auto module = objects_.item(library_.modules, name);
    if (!name.empty() && name != "__main__" && objects_.dict_of(module) == frame.globals) {
      thread.importing.push_back({name, i});
      if (locks) thread.import_lock_evidence = "import " + name;
      previous = frame.globals;
    }
  }
}

std::vector<std::string> ImportReader::locked_modules(const std::vector<RawFrame>& frames) {
  std::vector<std::string> result;
  for (const auto& frame : frames) {
    const auto function = library_.function(frame.code_address);
    if (function != Function::find_and_load && function != Function::load_spec) continue;
    if (result.size() == most_starts) break;
    auto name = frames_.argument(frame, 0);
    if (function == Function::load_spec) name = objects_.attribute(name, "name");
    result.push_back(objects_.name(name));
  }
  return result;
}

std::optional<Operation> ImportReader::import_in_progress(const std::vector<RawFrame>& frames) {
  const auto imports = [&](const RawFrame& frame) {
    return among(names().import_files, frame.code->file);
  };
  std::size_t outer = 0;
  while (outer < frames.size() && imports(frames[outer])) ++outer;
  if (outer == 0) return std::nullopt;
  // C code that imports for itself, such as an embedding program's, has no frame.
  const std::size_t inner = outer - 1;
  // importlib's _handle_fromlist has the module first, and what it calls has the name.
  std::string name;
  for (auto i = outer; i-- > 0 && name.empty();) {
    name = objects_.text(frames_.argument(frames[i], 0)).value_or("");
  }
  Operation found{Kind::import, "import " + name, inner};
  if (outer == frames.size()) return found;
  found.frame = outer;
  const auto& frame = frames[outer];
  if (const auto statement = imported_name(frame)) {
    if (!statement->empty()) found.text = "import " + *statement;
  } else if (const auto callee = frames_.callee(frame)) {
    if (callee->name.starts_with(names().pickling)) {
      const bool loads = callee->name.find(".load") != std::string::npos;
      found.text = fmt::format("{} {}", loads ? "unpickling" : "pickling", name);
    } else if (among(names().codec_users, callee->name)) {
      found.text = "codec lookup";
    }
  }
  // The outermost of the library's functions that import for others names what was asked for.
  for (; outer < frames.size() && library_.owns(frames[outer].code->file); ++outer) {
    const auto asked = [&] {
      return objects_.text(frames_.argument(frames[outer], 0)).value_or(name);
    };
    switch (library_.function(frames[outer].code_address).value_or(Function::thread_start)) {
      case Function::import_module:
        found.text = fmt::format("importlib.import_module('{}')", asked());
        break;
      case Function::find_spec:
        found.text = fmt::format("importlib.util.find_spec('{}')", asked());
        break;
      case Function::resources:
        found.text = fmt::format("importlib.resources.files('{}')", asked());
        break;
      default: continue;
    }
    if (outer + 1 < frames.size()) found.frame = outer + 1;
  }
  return found;
}

std::optional<Operation> ImportReader::operation(const std::vector<RawFrame>& frames) {
  if (frames.empty()) return std::nullopt;
  const auto function = library_.function(frames.front().code_address);
  if (function == Function::codec_search) {
    return Operation{Kind::codec_lookup, "codec lookup",
                     std::min<std::size_t>(1, frames.size() - 1),
                     imports_under_lock(frames.front())};
  }
  if (const auto name = imported_name(frames.front())) {
    const bool for_another = function == Function::import_module && frames.size() > 1;
    return Operation{Kind::import, "import " + *name, for_another ? std::size_t{1} : 0,
                     imports_under_lock(frames.front())};
  }
  if (auto import = import_in_progress(frames)) return import;
  if (auto waits = wait_for_child(frames)) return waits;
  const auto callee = frames_.callee(frames.front());
  if (!callee) return std::nullopt;
  const auto& name = callee->name;
  if (among(names().forks, name)) {
    return Operation{Kind::fork, "os." + name.substr(name.find('.') + 1), 0, true};
  }
  if (name == names().acquire_import_lock)
    return Operation{Kind::acquire_import_lock, name, 0, true};
  if (among(names().codec_users, name)) {
    // getaddrinfo(3) waits for others' answers and locks, after the codec that it needs.
    const bool locks = names().import_locking == ImportLocking::program;
    return Operation{Kind::codec_lookup, "codec lookup", 0, locks && name != names().getaddrinfo};
  }
  return Operation{Kind::call, name, 0};
}

std::optional<Operation> ImportReader::wait_for_child(const std::vector<RawFrame>& frames) {
  // Popen.wait and Process.join wait a few calls further in; Popen() itself forks there.
  constexpr std::size_t deepest = 3;
  std::optional<Operation> found;
  for (std::size_t i = 0; i < std::min(deepest, frames.size()); ++i) {
    const auto outer = std::min(i + 1, frames.size() - 1);
    switch (library_.function(frames[i].code_address).value_or(Function::thread_start)) {
      case Function::popen_wait: found = Operation{Kind::call, "Popen.wait", outer}; break;
      case Function::popen_communicate:
        found = Operation{Kind::call, "Popen.communicate", outer};
        break;
      case Function::process_join: found = Operation{Kind::call, "Process.join", outer}; break;
      default: break;
    }
  }
  return found;
}

bool ImportReader::keeps_import_lock(const std::vector<RawFrame>& frames) {
  for (const auto& frame : frames) {
    const auto end = static_cast<std::size_t>(std::max(frame.lasti, 0));
    bool keeps = false;
    Address object;
    for (std::size_t at = 0; at < end;) {
      const auto instruction = frames_.step(frame, at);
      if (!instruction || instruction->start >= end) break;
      if (instruction->opcode == Opcode::load_attr) {
        object = objects_.attribute(object, frames_.name_operand(frame, *instruction));
      } else if (instruction->opcode == Opcode::call_function) {
        const auto called = frames_.c_function(object);
        if (called && called->name == names().acquire_import_lock) keeps = true;
        if (called && called->name == names().release_import_lock) keeps = false;
        object = {};
      } else {
        object = frames_.variable(frame, *instruction);
      }
      at = instruction->next;
    }
    if (keeps) return true;
  }
  return false;
}

std::vector<ThreadStart> ImportReader::starts(const std::vector<RawFrame>& frames,
                                              std::size_t outermost) {
  std::vector<ThreadStart> result;
  for (std::size_t i = 0; i <= outermost && i < frames.size(); ++i) {
    const auto& frame = frames[i];
    const auto end = static_cast<std::size_t>(std::max(frame.lasti, 0));
    Address object;
    bool start = false;
    for (std::size_t at = 0; at < end;) {
      const auto instruction = frames_.step(frame, at);
      if (!instruction || instruction->start >= end) break;
      if (instruction->opcode == Opcode::load_attr) {
        const auto name = frames_.name_operand(frame, *instruction);
        start = name == "start";
        if (!start) object = attribute_or_null(object, name);
      } else if (instruction->opcode == Opcode::call_function && start) {
        start = false;
        if (!objects_.derives_from(object, library_.thread)) object = {};
        if (result.size() == most_starts) return result;
        if (const auto ident = object.is_null() ? std::nullopt : waits_.ident_of(object)) {
          result.push_back(
              {*ident, frame.code->file, frames_.line_of(*frame.code, static_cast<int>(at))});
        }
      } else {
        start = false;
        object = frames_.variable(frame, *instruction);
      }
      at = instruction->next;
    }
  }
  return result;
}

Address ImportReader::attribute_or_null(Address object, std::string_view name) {
  try {
    return objects_.attribute(object, name);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace importlock
