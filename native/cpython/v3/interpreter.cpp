#include "cpython/v3/interpreter.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "cpython/v3/debug_offsets.hpp"
#include "cpython/v3/frame_objects.hpp"
#include "cpython/v3/frames.hpp"
#include "cpython/v3/layout_check.hpp"
#include "cpython/v3/objects.hpp"

namespace importlock::v3 {

namespace {

struct TypeSymbol {
  std::string_view symbol;
  Address TypeObjects::*member;
};
constexpr std::array<TypeSymbol, 19> type_symbols{{
    {"PyType_Type", &TypeObjects::type},
    {"PyCode_Type", &TypeObjects::code},
    {"PyFrame_Type", &TypeObjects::frame},
    {"PyBytes_Type", &TypeObjects::bytes},
    {"PyUnicode_Type", &TypeObjects::unicode},
    {"PyDict_Type", &TypeObjects::dict},
    {"PyBool_Type", &TypeObjects::boolean},
    {"PyLong_Type", &TypeObjects::long_integer},
    {"PyFunction_Type", &TypeObjects::function},
    {"PyMethod_Type", &TypeObjects::method},
    {"PyCFunction_Type", &TypeObjects::c_function},
    {"PyCMethod_Type", &TypeObjects::c_method},  // since 3.9: METH_METHOD
    {"PyCallIter_Type", &TypeObjects::call_iterator},
    {"PyMethodDescr_Type", &TypeObjects::method_descriptor},
    {"PyModule_Type", &TypeObjects::module},
    {"PyTuple_Type", &TypeObjects::tuple},
    {"PyList_Type", &TypeObjects::list},
    {"PyCell_Type", &TypeObjects::cell},
    {"_Py_NoneStruct", &TypeObjects::none},
}};

constexpr std::string_view runtime_symbol = "_PyRuntime";
constexpr std::string_view current_thread_state = "_PyThreadState_Current";  // of 3.6
constexpr std::string_view version_symbol = "Py_Version";
constexpr std::string_view hash_secret_symbol = "_Py_HashSecret";

/// The minor version of the CPython 3 in an image; nothing where it cannot be told.
std::optional<unsigned> minor_version(const PythonImage& image, Architecture architecture) {
  // Python/pylifecycle.c of 3.11 and later: PY_VERSION_HEX in a constant, an unsigned long.
  if (const auto found = image.exported.find(version_symbol); found != image.exported.end()) {
    std::uint64_t hex = 0;
    const auto bytes = std::as_writable_bytes(std::span(&hex, 1)).first(word_size(architecture));
    if (image.file->read_constant(found->second.front().address, bytes)) {
      return static_cast<unsigned>(hex >> 16) & 0xff;
    }
  }
  const auto runtime = image.exported.find(runtime_symbol);
  if (runtime == image.exported.end()) return 6;
  return minor_of_runtime(runtime->second.front().size, architecture);
}

/// The table of that version, for the build that the target says it is; nothing where there is
/// none.
std::optional<Python3> table_of_build(const PythonImage& image, const Target& target,
                                      unsigned minor) {
  const auto runtime = address_of(image.exported, image.bias, runtime_symbol);
  return runtime && is_free_threaded(*target.memory, *runtime)
             ? free_threaded_table(minor, target.architecture)
             : python3_table(minor, target.architecture);
}

std::optional<Python3> known_table(const PythonImage& image, const Target& target) {
  const auto minor = minor_version(image, target.architecture);
  return minor ? table_of_build(image, target, *minor) : std::nullopt;
}

/// The newest table, for a version after it whose debug offsets bear that out; `why` says what
/// speaks against it.
std::optional<Python3> newest_table(const PythonImage& image, const Target& target, unsigned minor,
                                    std::string& why) {
  const auto newest = newest_python3();
  const auto runtime = address_of(image.exported, image.bias, runtime_symbol);
  if (minor <= newest || !runtime) return std::nullopt;
  auto table = table_of_build(image, target, newest);
  if (!table) return std::nullopt;
  table->minor = minor;
  const auto odds = at_odds(*table, *target.memory, *runtime);
  if (odds.empty()) return table;
  why = fmt::format("; nor is it laid out as 3.{}: {}", newest, odds);
  return std::nullopt;
}

Python3 table_of(const PythonImage& image, const Target& target) {
  if (auto table = known_table(image, target)) return *table;
  const auto minor = minor_version(image, target.architecture);
  std::string why;
  if (minor) {
    if (auto table = newest_table(image, target, *minor, why)) return *table;
  }
  const auto name = minor ? fmt::format("CPython 3.{}", *minor) : "a CPython 3 of unknown version";
  throw TargetError(fmt::format(
      "the target runs {} ({}), which py-importlock does not read; on {} it reads {}{}", name,
      image.path, name_of(target.architecture), python3_versions(target.architecture), why));
}

/// That layout, corrected by what the target itself tells of it.
Layout layout_in(const PythonImage& image, const Python3& table, Memory& memory,
                 std::vector<std::string>& problems) {
  const auto runtime = address_of(image.exported, image.bias, runtime_symbol);
  if (!runtime) return table.layout;
  try {
    return told_layout(table, memory, *runtime);
  } catch (const Error& error) {
    problems.push_back(fmt::format("{}: {}", image.path, error.what()));
    return table.layout;
  }
}

bool has_gil(Objects& objects, const Interpreter& interpreter) {
  const auto& enabled = objects.layout().gil_enabled;
  if (!enabled) return true;
  // Python/ceval_gil.c: since the start by PYTHON_GIL or -X gil, or once a module needed it.
  const auto gil = require(interpreter.variables.interpreter_lock);
  return objects.memory().value<std::int32_t>(gil + *enabled) != 0;
}

LockFacts lock_of_gil(Objects& objects, Address gil) {
  const auto& at = objects.layout().gil;
  LockFacts facts;
  facts.address = gil + at.cond;
  facts.size = at.cond_size;
  // Python/ceval_gil.h: struct _gil_runtime_state; -1 until it is created.
  facts.locked = objects.memory().value<std::int32_t>(gil + at.locked) == 1;
  return facts;
}

std::optional<PthreadId> holder_of_gil(Objects& objects, Address gil) {
  const auto& at = objects.layout().gil;
  if (objects.memory().value<std::int32_t>(gil + at.locked) != 1) return std::nullopt;
  // last_holder names the last one even where nobody has it.
  const auto state = objects.pointer(gil + at.last_holder);
  return state.is_null() ? std::nullopt : std::optional(ident_of(objects, state));
}

LockFacts gil_lock(Objects& objects, const Interpreter& interpreter) {
  return lock_of_gil(objects, require(interpreter.variables.interpreter_lock));
}

std::optional<PthreadId> gil_holder(Objects& objects, const Interpreter& interpreter) {
  return holder_of_gil(objects, require(interpreter.variables.interpreter_lock));
}

std::optional<OwnGil> own_gil(Objects& objects, const Interpreter& interpreter, Address state) {
  const auto at = objects.layout().runtime.interpreter_gil;
  if (at == 0) return std::nullopt;
  const auto gil = objects.pointer(state + at);
  const auto& shared = interpreter.variables.interpreter_lock;
  if (gil.is_null() || !shared || gil == *shared) return std::nullopt;
  return OwnGil{lock_of_gil(objects, gil), holder_of_gil(objects, gil)};
}

std::unique_ptr<Objects> objects_of(Memory& memory, const Interpreter& interpreter) {
  return std::make_unique<Python3Objects>(memory, interpreter.layout, interpreter.types,
                                          interpreter.hash_secret);
}

std::unique_ptr<FrameReader> frames_of(Objects& objects, const Interpreter& interpreter) {
  switch (interpreter.layout.frames) {
    case Layout::Frames::objects:
      return std::make_unique<FrameObjects>(objects, *interpreter.opcodes);
    case Layout::Frames::interpreter: break;
  }
  return std::make_unique<AdaptiveFrames>(objects, *interpreter.opcodes);
}

constexpr Version version{
    .objects = objects_of,
    .frames = frames_of,
    .signals_interrupt_waits = true,
    .has_gil = has_gil,
    .gil_lock = gil_lock,
    .gil_holder = gil_holder,
    .own_gil = own_gil,
};

/// The GIL of 3.6: static variables of Python/ceval_gil.h. Who has it is the thread state that
/// runs, for which take_gil and drop_gil leave but a moment.
LockFacts static_gil_lock(Objects& objects, const Interpreter& interpreter) {
  LockFacts facts;
  facts.address = require(interpreter.variables.gil_cond);
  facts.size = objects.layout().gil.cond_size;
  facts.locked =
      objects.memory().value<std::int32_t>(require(interpreter.variables.gil_locked)) == 1;
  return facts;
}

std::optional<PthreadId> static_gil_holder(Objects& objects, const Interpreter& interpreter) {
  const auto& variables = interpreter.variables;
  if (objects.memory().value<std::int32_t>(require(variables.gil_locked)) != 1) return std::nullopt;
  const auto state = objects.pointer(require(variables.py_thread_state_current));
  return state.is_null() ? std::nullopt : std::optional(ident_of(objects, state));
}

constexpr Version version_without_runtime{
    .objects = objects_of,
    .frames = frames_of,
    .signals_interrupt_waits = true,
    .has_gil = has_gil,
    .gil_lock = static_gil_lock,
    .gil_holder = static_gil_holder,
    .own_gil = own_gil,
};

/// Where the variables are: in _PyRuntime, in the main interpreter, or up to 3.11 in import.c; of
/// 3.6, all of them static.
void locate_variables(Interpreter& found, const PythonImage& image, const Target& target,
                      std::vector<std::string>& problems) {
  auto& variables = found.variables;
  const auto& at = found.layout.runtime;
  if (!has_runtime(found.layout)) {
    found.version = &version_without_runtime;
    variables =
        find_variables(*image.file, image.bias, found.lock_kind, target, problems, StaticsOf::v36);
    variables.py_thread_state_current =
        address_of(image.exported, image.bias, current_thread_state);
    return;
  }
  const auto runtime = address_of(image.exported, image.bias, runtime_symbol);
  if (!runtime) {
    throw TargetError(
        fmt::format("{} has no usable {}: {}", image.path, runtime_symbol, runtime.why()));
  }
  if (at.interpreter_import_lock == 0) {
    variables = find_variables(*image.file, image.bias, found.lock_kind, target, problems,
                               StaticsOf::v37_to_311);
    variables.interpreter_lock = *runtime + at.gil;
    variables.py_thread_state_current = *runtime + at.tstate_current;
    variables.interp_head = *runtime + at.interpreters_head;
    return;
  }
  variables.interp_head = *runtime + at.interpreters_head;
  try {
    // _PyRuntime.interpreters has `main` after `head` (Include/internal/pycore_runtime.h).
    const auto main = *variables.interp_head + found.layout.word;
    const auto word = found.layout.word;
    const Address interpreter{target.memory->word(main, word)};
    variables.interpreter_lock =
        Address{target.memory->word(interpreter + at.interpreter_gil, word)};
    // struct _import_state, or _PyRecursiveMutex: the lock, its thread, its level.
    variables.import_lock = interpreter + at.interpreter_import_lock;
    variables.import_lock_thread = *variables.import_lock + found.layout.import_lock.thread;
    variables.import_lock_level = *variables.import_lock + found.layout.import_lock.level;
    variables.found_by = FoundBy::runtime;
  } catch (const FaultError& error) {
    variables.interpreter_lock = variables.import_lock = variables.import_lock_thread =
        variables.import_lock_level = Missing{error.what()};
  }
}

/// Of a version without a table: what its debug offsets do not tell of a structure that differs.
void forget_what_is_not_told(Interpreter& found, const PythonImage& image, const Python3& table,
                             Memory& memory) {
  const auto runtime = address_of(image.exported, image.bias, runtime_symbol);
  if (!runtime || has_known_interpreter_state(table, memory, *runtime)) return;
  auto& variables = found.variables;
  variables.import_lock = variables.import_lock_thread = variables.import_lock_level =
      Missing{fmt::format("CPython 3.{} does not tell where it is", table.minor)};
  variables.found_by.reset();
}

}  // namespace

std::vector<std::string_view> exported_names() {
  std::vector<std::string_view> names{runtime_symbol, current_thread_state, version_symbol,
                                      hash_secret_symbol};
  for (const auto& type : type_symbols) names.push_back(type.symbol);
  return names;
}

bool is_initialised(const Target& target, const PythonImage& image) {
  const auto runtime = image.exported.find(runtime_symbol);
  const auto table = known_table(image, target);
  // Nothing says that it is not.
  if (runtime == image.exported.end() || !table) return true;
  std::vector<std::string> problems;
  const auto layout = layout_in(image, *table, *target.memory, problems);
  const auto head = image.bias + runtime->second.front().address + layout.runtime.interpreters_head;
  try {
    return target.memory->word(head, layout.word) != 0;
  } catch (const FaultError&) {
    return true;
  }
}

Interpreter interpreter_in(PythonImage image, const Target& target,
                           std::vector<std::string>& problems) {
  const auto table = table_of(image, target);
  return interpreter_by(table, std::move(image), target, problems);
}

Interpreter interpreter_by(const Python3& table, PythonImage image, const Target& target,
                           std::vector<std::string>& problems) {
  const auto newest = newest_python3();
  const bool newer = table.minor > newest;
  Interpreter found;
  found.version = &version;
  found.names = table.names;
  found.opcodes = table.opcodes;
  found.architecture = target.architecture;
  found.image = image.path;
  found.bias = image.bias;
  found.layout = layout_in(image, table, *target.memory, problems);
  for (const auto& [symbol, member] : type_symbols) {
    found.types.*member =
        address_of(image.exported, image.bias, symbol).optional().value_or(Address{});
  }
  found.hash_secret =
      address_of(image.exported, image.bias, hash_secret_symbol).optional().value_or(Address{});
  locate_variables(found, image, target, problems);
  if (newer) forget_what_is_not_told(found, image, table, *target.memory);
  found.file = std::move(image.file);
  found.lock_kind = found.layout.import_lock_is_mutex
                        ? LockKind::py_mutex
                        : lock_kind_of(*target.memory, image.imported, found.architecture,
                                       {found.variables.import_lock});
  auto why = contradiction(*target.memory, found, table.minor);
  if (newer && why.empty()) why = strange_code(*target.memory, found);
  if (!why.empty()) {
    const auto lacks = target.problems.empty() ? "" : "; " + target.problems.front();
    throw TargetError(fmt::format("{} is CPython 3.{}, but not laid out as {} is: {}{}",
                                  found.image, table.minor,
                                  newer ? fmt::format("3.{}", newest) : "that", why, lacks));
  }
  if (newer) {
    found.newer = fmt::format(
        "CPython 3.{} is newer than any that is known, and was read as 3.{}: its debug offsets and "
        "the byte code of its importlib agree with that",
        table.minor, newest);
  }
  return found;
}

}  // namespace importlock::v3
