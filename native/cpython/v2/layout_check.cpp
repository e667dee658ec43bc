#include "cpython/v2/layout_check.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "cpython/layouts/python27.hpp"
#include "cpython/v2/objects.hpp"

namespace importlock {

namespace {

constexpr int most_interpreters = 100;
constexpr int most_thread_states = 1000;

void expect(bool holds, const char* what) {
  if (!holds) throw FormatError(what);
}

void check_types(Objects& objects, const TypeObjects& types) {
  for (const auto type : {types.type, types.frame, types.code, types.bytes, types.dict}) {
    if (type.is_null()) continue;
    expect(objects.is(type, types.type), "the ob_type of a built-in type is not PyType_Type");
  }
}

void check_thread_state(Objects& objects, Address state, Address interpreter) {
  const auto& layout = objects.layout();
  expect(objects.pointer(state + layout.thread_state.interp) == interpreter,
         "a PyThreadState's interp does not lead back to its interpreter");
  const auto frame = objects.pointer(state + layout.thread_state.frame);
  if (frame.is_null()) return;
  expect(objects.is(frame, objects.types().frame), "a PyThreadState's frame is no frame");
  expect(objects.is(objects.pointer(frame + layout.frame.f_code), objects.types().code),
         "a frame's f_code is no code object");
  expect(objects.pointer(frame + layout.frame.f_tstate) == state,
         "a frame's f_tstate does not lead back to its PyThreadState");
}

void check_interpreters(Objects& objects, Address head) {
  const auto& layout = objects.layout();
  auto interpreter = objects.pointer(head);
  for (int i = 0; i < most_interpreters && !interpreter.is_null(); ++i) {
    const auto modules = objects.pointer(interpreter + layout.interpreter_state.modules);
    expect(modules.is_null() || objects.is(modules, objects.types().dict),
           "an interpreter's modules is no dict");
    auto state = objects.pointer(interpreter + layout.interpreter_state.tstate_head);
    for (int j = 0; j < most_thread_states && !state.is_null(); ++j) {
      check_thread_state(objects, state, interpreter);
      state = objects.pointer(state + layout.thread_state.next);
    }
    interpreter = objects.pointer(interpreter + layout.interpreter_state.next);
  }
}

/// What speaks against `layout`; empty where nothing does.
std::string contradiction(Memory& memory, const Interpreter& interpreter, const Layout& layout) {
  Python2Objects objects(memory, layout, interpreter.types);
  try {
    check_types(objects, interpreter.types);
    if (const auto& head = interpreter.variables.interp_head) check_interpreters(objects, *head);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

Layout verified_layout(Memory& memory, const Interpreter& interpreter,
                       std::vector<std::string>& problems) {
  const auto& guess = interpreter.layout;
  const auto why_not = contradiction(memory, interpreter, guess);
  if (why_not.empty()) return guess;
  const auto twin = python27_layout(guess.word, !guess.pydebug, guess.unicode_width);
  if (contradiction(memory, interpreter, twin).empty()) {
    problems.push_back(fmt::format("{} is laid out {} Py_TRACE_REFS, unlike its symbols say",
                                   interpreter.image, twin.pydebug ? "with" : "without"));
    return twin;
  }
  problems.push_back(
      fmt::format("the layout of {} could not be verified: {}", interpreter.image, why_not));
  return guess;
}

}  // namespace importlock
