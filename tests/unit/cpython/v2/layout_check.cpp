#include "cpython/v2/layout_check.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <map>

#include "base/error.hpp"
#include "cpython/layouts/python27.hpp"

namespace importlock {

namespace {

/// Eight-byte words at the addresses that were written; zero between them, to 0x10000.
class Words : public Memory {
 public:
  void write(Address at, std::uint64_t value) { words_[at] = value; }
  bool try_read(Address address, std::span<std::byte> into) override {
    const auto found = words_.find(address);
    if (address.value() >= 0x10000) return false;
    const std::uint64_t value = found == words_.end() ? 0 : found->second;
    std::memcpy(into.data(), &value, std::min(into.size(), sizeof value));
    return true;
  }

 private:
  std::map<Address, std::uint64_t> words_;
};

constexpr Address type{0x1000}, frame_type{0x2000}, code_type{0x3000}, dict_type{0x4000},
    head{0x5000}, interpreter{0x5100}, state{0x5200}, frame{0x5300}, code{0x6000}, modules{0x7000};

/// One interpreter with a thread that runs one frame, laid out as `at` says.
void lay_out(Words& memory, const Layout& at) {
  for (const auto each : {type, frame_type, code_type, dict_type}) {
    memory.write(each + at.object.ob_type, type.value());
  }
  memory.write(head, interpreter.value());
  memory.write(interpreter + at.interpreter_state.tstate_head, state.value());
  memory.write(interpreter + at.interpreter_state.modules, modules.value());
  memory.write(modules + at.object.ob_type, dict_type.value());
  memory.write(state + at.thread_state.interp, interpreter.value());
  memory.write(state + at.thread_state.frame, frame.value());
  memory.write(frame + at.object.ob_type, frame_type.value());
  memory.write(frame + at.frame.f_code, code.value());
  memory.write(frame + at.frame.f_tstate, state.value());
  memory.write(code + at.object.ob_type, code_type.value());
}

Interpreter guessed(bool pydebug) {
  Interpreter result;
  result.image = "python2.7";
  result.layout = python27_layout(8, pydebug, 4);
  result.types.type = type;
  result.types.frame = frame_type;
  result.types.code = code_type;
  result.types.dict = dict_type;
  result.variables.interp_head = head;
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(layout_check)

BOOST_AUTO_TEST_CASE(a_guess_that_memory_bears_out_stands) {
  for (const bool pydebug : {false, true}) {
    Words memory;
    lay_out(memory, python27_layout(8, pydebug, 4));
    std::vector<std::string> problems;
    BOOST_TEST(verified_layout(memory, guessed(pydebug), problems).pydebug == pydebug);
    BOOST_TEST(problems.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_guess_is_put_right_and_said) {
  for (const bool pydebug : {false, true}) {
    Words memory;
    lay_out(memory, python27_layout(8, pydebug, 4));
    std::vector<std::string> problems;
    BOOST_TEST(verified_layout(memory, guessed(!pydebug), problems).pydebug == pydebug);
    BOOST_TEST(problems.size() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_broken_way_back_is_said) {
  Words memory;
  const auto at = python27_layout(8, false, 4);
  lay_out(memory, at);
  memory.write(frame + at.frame.f_tstate, 0x5208);
  std::vector<std::string> problems;
  BOOST_TEST(!verified_layout(memory, guessed(false), problems).pydebug);
  BOOST_REQUIRE(problems.size() == 1U);
  BOOST_TEST(problems[0].find("f_tstate") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
