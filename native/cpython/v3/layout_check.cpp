#include "cpython/v3/layout_check.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "cpython/objects.hpp"
#include "cpython/v3/frames.hpp"

namespace importlock::v3 {

namespace {

constexpr int most_interpreters = 100;

void expect(bool holds, const char* what) {
  if (!holds) throw FormatError(what);
}

/// The states of threads that come and go meanwhile are another matter than the layout: the first
/// tells, and where the list breaks off is for who reads it.
void check_thread_states(Objects& objects, Address interpreter) {
  const auto& at = objects.layout().thread_state;
  const auto state = objects.pointer(interpreter + objects.layout().interpreter_state.tstate_head);
  if (state.is_null()) return;
  expect(objects.pointer(state + at.interp) == interpreter,
         "a PyThreadState's interp does not lead back to its interpreter");
}

/// Python/pylifecycle.c: sys.hexversion is PY_VERSION_HEX.
void check_version(Objects& objects, Address interpreter, unsigned minor) {
  const auto& at = objects.layout().interpreter_state;
  const auto modules = objects.pointer(interpreter + at.modules);
  expect(objects.is(modules, objects.types().dict), "an interpreter's modules is no dict");
  expect(!objects.item(modules, "sys").is_null(), "its modules have no sys");
  const auto sys = objects.pointer(interpreter + at.sysdict);
  const auto version = objects.integer(objects.item(sys, "hexversion"));
  expect(version.has_value(), "sys has no hexversion");
  if ((*version >> 16) != (3 << 8 | static_cast<std::int64_t>(minor))) {
    throw FormatError(
        fmt::format("its sys.hexversion is {}", to_hex(static_cast<std::uint64_t>(*version))));
  }
}

/// Objects/boolobject.c. Not tp_name, which cores leave to the file.
void check_types(Objects& objects) {
  const auto& types = objects.types();
  expect(objects.is(types.type, types.type), "the type of `type` is another");
  expect(objects.pointer(types.boolean + objects.layout().type.tp_base) == types.long_integer,
         "the base of `bool` is not `int`");
}

void check_function(Objects& objects, Address function) {
  const auto& at = objects.layout();
  const auto code = objects.pointer(function + at.function.func_code);
  expect(objects.is(code, objects.types().code), "a function's code is none");
  const auto field = [&](Layout::Offset offset) { return objects.pointer(code + offset); };
  expect(objects.text(field(at.code.co_name)) && objects.text(field(at.code.co_filename)),
         "a code object has no name");
  const bool adaptive = at.frames == Layout::Frames::interpreter;
  for (const auto offset :
       {at.code.co_lnotab, adaptive ? at.adaptive_code.co_exceptiontable : at.code.co_code}) {
    expect(objects.is(field(offset), objects.types().bytes), "a code object lacks a part");
  }
}

/// Functions of Lib/importlib/_bootstrap.py, which no program is without, though it may have put
/// something else in the place of some. One that is as it should be will do: others may be damaged.
void check_code(Objects& objects, Address interpreter) {
  const auto modules = objects.pointer(interpreter + objects.layout().interpreter_state.modules);
  std::string why;
  for (const auto* const name : {"_find_and_load", "_gcd_import", "_find_spec"}) {
    try {
      const auto function = objects.attribute(objects.item(modules, "_frozen_importlib"), name);
      if (!objects.is(function, objects.types().function)) continue;
      check_function(objects, function);
      return;
    } catch (const Error& error) {
      if (why.empty()) why = error.what();
    }
  }
  if (!why.empty()) throw FormatError(why);
}

}  // namespace

std::string contradiction(Memory& memory, const Interpreter& interpreter, unsigned minor) {
  const auto reader = interpreter.version->objects(memory, interpreter);
  auto& objects = *reader;
  try {
    const auto head = require(interpreter.variables.interp_head);
    const bool runtime = has_runtime(objects.layout());
    // _PyRuntime.interpreters has `main` after `head` (Include/internal/pycore_runtime.h). New ones
    // come first (Python/pystate.c, PyInterpreterState_New).
    auto main = runtime ? objects.pointer(head + objects.layout().word) : Address{};
    bool main_is_listed = !runtime;
    auto state = objects.pointer(head);
    expect(!state.is_null(), "it has no interpreter");
    for (int i = 0; i < most_interpreters && !state.is_null(); ++i) {
      main_is_listed = main_is_listed || state == main;
      if (!runtime) main = state;
      check_thread_states(objects, state);
      state = objects.pointer(state + objects.layout().interpreter_state.next);
    }
    expect(main_is_listed, "the main interpreter is not in the list of interpreters");
    check_types(objects);
    check_version(objects, main, minor);
    check_code(objects, main);
    return {};
  } catch (const FaultError& error) {
    return fmt::format("a pointer of it leads nowhere: {}", error.what());
  } catch (const Error& error) {
    return error.what();
  }
}

std::string strange_code(Memory& memory, const Interpreter& interpreter) {
  constexpr int fewest_functions = 50;  // 3.15 has 96
  constexpr int most_functions = 1000;
  const auto reader = interpreter.version->objects(memory, interpreter);
  auto& objects = *reader;
  AdaptiveFrames frames(objects, *interpreter.opcodes);
  int functions = 0;
  std::string strange;
  const auto check = [&](Address name, Address value) {
    if (!objects.is(value, objects.types().function)) return true;
    const auto code = objects.pointer(value + objects.layout().function.func_code);
    if (!frames.fits(code)) strange = objects.name(name);
    return strange.empty() && ++functions < most_functions;
  };
  try {
    // _PyRuntime.interpreters has `main` after `head`.
    const auto main =
        objects.pointer(require(interpreter.variables.interp_head) + objects.layout().word);
    const auto modules = objects.pointer(main + objects.layout().interpreter_state.modules);
    const auto importlib = objects.dict_of(objects.item(modules, "_frozen_importlib"));
    objects.for_each_item(importlib, [&](Address name, Address value) {
      if (!objects.derives_from(value, objects.types().type)) return check(name, value);
      objects.for_each_item(objects.dict_of(value), check);
      return strange.empty();
    });
  } catch (const Error& error) {
    return error.what();
  }
  if (!strange.empty()) return fmt::format("the byte code of importlib's {} is another's", strange);
  return functions < fewest_functions ? "importlib's functions were not found" : "";
}

}  // namespace importlock::v3
