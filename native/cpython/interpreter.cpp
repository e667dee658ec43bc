#include "cpython/interpreter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.hpp"
#include "cpython/image.hpp"
#include "cpython/v2/layout_check.hpp"

namespace importlock {

namespace {

struct TypeName {
  std::string_view symbol;
  Address TypeObjects::*member;
};
constexpr std::array<TypeName, 18> type_names{{
    {"PyType_Type", &TypeObjects::type},
    {"PyClass_Type", &TypeObjects::class_object},
    {"PyInstance_Type", &TypeObjects::instance},
    {"PyCode_Type", &TypeObjects::code},
    {"PyFrame_Type", &TypeObjects::frame},
    {"PyString_Type", &TypeObjects::string},
    {"PyUnicode_Type", &TypeObjects::unicode},
    {"PyDict_Type", &TypeObjects::dict},
    {"PyInt_Type", &TypeObjects::integer},
    {"PyBool_Type", &TypeObjects::boolean},
    {"PyLong_Type", &TypeObjects::long_integer},
    {"PyFunction_Type", &TypeObjects::function},
    {"PyMethod_Type", &TypeObjects::method},
    {"PyCFunction_Type", &TypeObjects::c_function},
    {"PyModule_Type", &TypeObjects::module},
    {"PyTuple_Type", &TypeObjects::tuple},
    {"PyList_Type", &TypeObjects::list},
    {"PyCell_Type", &TypeObjects::cell},
}};

constexpr std::string_view current_thread_state = "_PyThreadState_Current";
// Exported by a pydebug build only (Include/object.h, Py_TRACE_REFS).
constexpr std::string_view pydebug_mark = "_Py_PrintReferences";
// Include/unicodeobject.h renames each function after the width of Py_UNICODE.
constexpr std::string_view ucs2_mark = "PyUnicodeUCS2_FromString";

std::vector<std::string_view> exported_names() {
  std::vector<std::string_view> names{current_thread_state, pydebug_mark, ucs2_mark};
  for (const auto& name : type_names) names.push_back(name.symbol);
  return names;
}

/// One address for `name`, or why there is none.
Known<Address> address_of(const SymbolsByName& symbols, LoadBias bias, std::string_view name) {
  const auto entry = symbols.find(name);
  if (entry == symbols.end()) return Missing{fmt::format("symbol {} was not found", name)};
  const auto first = entry->second.front().address;
  if (std::ranges::any_of(entry->second, [&](const Symbol& s) { return s.address != first; })) {
    return Missing{fmt::format("symbol {} is there more than once", name)};
  }
  return bias + first;
}

LockKind lock_kind_of(Memory& memory, const Interpreter& interpreter) {
  constexpr std::array<std::string_view, 2> calls{"sem_wait", "pthread_cond_wait"};
  const auto called = interpreter.file->mentioned(calls);
  const bool semaphores = called.contains(calls[0]);
  const bool conditions = called.contains(calls[1]);
  if (semaphores != conditions) {
    return semaphores ? LockKind::semaphore : LockKind::mutex_and_condition;
  }
  // A program around the interpreter may call both, and one that is linked statically names none.
  const auto& variables = interpreter.variables;
  for (const auto& variable : {variables.interpreter_lock, variables.import_lock}) {
    if (!variable) continue;
    try {
      const Address lock{interpreter.layout.word == 8 ? memory.value<std::uint64_t>(*variable)
                                                      : memory.value<std::uint32_t>(*variable)};
      if (!lock.is_null()) return allocated_lock_kind(memory, lock, interpreter.architecture);
    } catch (const FaultError&) {
      // The other one may be there.
    }
  }
  return LockKind::semaphore;
}

}  // namespace

Interpreter find_interpreter(const Target& target, std::vector<std::string>& problems) {
  const auto names = exported_names();
  auto image = find_python_image(target, names);
  Interpreter found;
  found.architecture = target.architecture;
  found.image = image.path;
  found.bias = image.bias;
  found.layout = layout_for(word_size(target.architecture), image.exported.contains(pydebug_mark),
                            image.exported.contains(ucs2_mark) ? 2 : 4);
  for (const auto& [symbol, member] : type_names) {
    found.types.*member =
        address_of(image.exported, image.bias, symbol).optional().value_or(Address{});
  }

  found.variables = find_variables(*image.file, image.bias, found.lock_kind, target, problems);
  found.variables.py_thread_state_current =
      address_of(image.exported, image.bias, current_thread_state);
  found.file = std::move(image.file);
  found.lock_kind = lock_kind_of(*target.memory, found);
  found.layout = verified_layout(*target.memory, found, problems);
  return found;
}

}  // namespace importlock
