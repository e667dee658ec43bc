#include "cpython/v2/interpreter.hpp"

#include <array>
#include <string_view>

#include "base/error.hpp"
#include "cpython/layouts/names27.hpp"
#include "cpython/layouts/python27.hpp"
#include "cpython/v2/frames.hpp"
#include "cpython/v2/layout_check.hpp"
#include "cpython/v2/objects.hpp"

namespace importlock::v2 {

namespace {

struct TypeSymbol {
  std::string_view symbol;
  Address TypeObjects::*member;
};
constexpr std::array<TypeSymbol, 19> type_symbols{{
    {"PyType_Type", &TypeObjects::type},         {"PyClass_Type", &TypeObjects::class_object},
    {"PyInstance_Type", &TypeObjects::instance}, {"PyCode_Type", &TypeObjects::code},
    {"PyFrame_Type", &TypeObjects::frame},       {"PyString_Type", &TypeObjects::bytes},
    {"PyUnicode_Type", &TypeObjects::unicode},   {"PyDict_Type", &TypeObjects::dict},
    {"PyInt_Type", &TypeObjects::integer},       {"PyBool_Type", &TypeObjects::boolean},
    {"PyLong_Type", &TypeObjects::long_integer}, {"PyFunction_Type", &TypeObjects::function},
    {"PyMethod_Type", &TypeObjects::method},     {"PyCFunction_Type", &TypeObjects::c_function},
    {"PyModule_Type", &TypeObjects::module},     {"PyTuple_Type", &TypeObjects::tuple},
    {"PyList_Type", &TypeObjects::list},         {"PyCell_Type", &TypeObjects::cell},
    {"_Py_NoneStruct", &TypeObjects::none},
}};

constexpr std::string_view current_thread_state = "_PyThreadState_Current";
// Exported by a pydebug build only (Include/object.h, Py_TRACE_REFS).
constexpr std::string_view pydebug_mark = "_Py_PrintReferences";
// Include/unicodeobject.h renames each function after the width of Py_UNICODE.
constexpr std::string_view ucs2_mark = "PyUnicodeUCS2_FromString";

LockFacts gil_lock(Objects& objects, const Interpreter& interpreter) {
  return lock_facts(objects.memory(),
                    objects.pointer(require(interpreter.variables.interpreter_lock)),
                    interpreter.lock_kind, interpreter.architecture);
}

std::optional<PthreadId> gil_holder(Objects& objects, const Interpreter& interpreter) {
  const auto state = objects.pointer(require(interpreter.variables.py_thread_state_current));
  return state.is_null() ? std::nullopt : std::optional(ident_of(objects, state));
}

constexpr Version version{
    .objects = [](Memory& memory, const Interpreter& interpreter) -> std::unique_ptr<Objects> {
      return std::make_unique<Python2Objects>(memory, interpreter.layout, interpreter.types);
    },
    .frames = [](Objects& objects, const Interpreter&) -> std::unique_ptr<FrameReader> {
      return std::make_unique<Python2Frames>(objects);
    },
    .signals_interrupt_waits = false,
    .has_gil = [](Objects&, const Interpreter&) { return true; },
    .gil_lock = gil_lock,
    .gil_holder = gil_holder,
    .own_gil = [](Objects&, const Interpreter&, Address) { return std::optional<OwnGil>(); },
};

}  // namespace

std::vector<std::string_view> exported_names() {
  std::vector<std::string_view> names{current_thread_state, pydebug_mark, ucs2_mark};
  for (const auto& type : type_symbols) names.push_back(type.symbol);
  return names;
}

bool is_initialised(const Target& target, const PythonImage& image) {
  // PyType_Ready gives each static type its tp_dict, from _Py_ReadyTypes in Py_InitializeEx
  // (Python/pythonrun.c).
  const auto type = image.exported.find("PyString_Type");
  if (type == image.exported.end()) return true;
  const auto word = word_size(target.architecture);
  for (const bool pydebug : {false, true}) {
    const auto at =
        image.bias + type->second.front().address + python27_layout(word, pydebug, 2).type.tp_dict;
    try {
      if (target.memory->word(at, word) != 0) return true;
    } catch (const FaultError&) {
      return true;  // nothing says that it is not
    }
  }
  return false;
}

Interpreter interpreter_in(PythonImage image, const Target& target,
                           std::vector<std::string>& problems) {
  Interpreter found;
  found.version = &version;
  found.names = &python27_names;
  found.architecture = target.architecture;
  found.image = image.path;
  found.bias = image.bias;
  found.layout =
      python27_layout(word_size(target.architecture), image.exported.contains(pydebug_mark),
                      image.exported.contains(ucs2_mark) ? 2 : 4);
  for (const auto& [symbol, member] : type_symbols) {
    found.types.*member =
        address_of(image.exported, image.bias, symbol).optional().value_or(Address{});
  }

  found.variables = find_variables(*image.file, image.bias, found.lock_kind, target, problems);
  found.variables.py_thread_state_current =
      address_of(image.exported, image.bias, current_thread_state);
  found.file = std::move(image.file);
  const auto& variables = found.variables;
  found.lock_kind = lock_kind_of(*target.memory, image.imported, found.architecture,
                                 {variables.interpreter_lock, variables.import_lock});
  found.layout = verified_layout(*target.memory, found, problems);
  return found;
}

}  // namespace importlock::v2
