#include "cpython/v2/bytecode.hpp"

#include <boost/test/unit_test.hpp>
#include <initializer_list>

namespace importlock::v2 {

namespace {

std::vector<std::byte> code(std::initializer_list<int> bytes) {
  std::vector<std::byte> result;
  for (const int byte : bytes) result.push_back(static_cast<std::byte>(byte));
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bytecode)

BOOST_AUTO_TEST_CASE(extended_arg_is_folded_in) {
  const auto bytes = code({145, 1, 0, 131, 2, 0});
  const auto instruction = instruction_at(bytes, 0);
  BOOST_REQUIRE(instruction.has_value());
  BOOST_TEST((instruction->opcode == Opcode::call_function));
  BOOST_TEST(instruction->argument == 0x10002U);
  BOOST_TEST(instruction->next == 6U);
}

BOOST_AUTO_TEST_CASE(code_cut_short_has_no_instruction) {
  BOOST_TEST(!instruction_at(code({131, 2}), 0).has_value());
  BOOST_TEST(!instruction_at(code({}), 0).has_value());
}

BOOST_AUTO_TEST_CASE(a_call_in_a_loop_has_one_depth) {
  // SETUP_LOOP, LOAD_FAST, GET_ITER, FOR_ITER, STORE_FAST, LOAD_GLOBAL, LOAD_FAST, CALL_FUNCTION 1
  const auto bytes = code({120, 24, 0, 124, 0, 0, 68, 93,  16, 0, 125, 1,   0, 116, 0, 0,
                           124, 1,  0, 131, 1, 0, 1,  113, 7,  0, 87,  100, 0, 0,   83});
  BOOST_TEST(stack_depths_at(bytes, 19) == (std::vector<int>{3}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(blocks_without_end_cost_little) {
  // SETUP_FINALLY to the next instruction, a hundred thousand times.
  std::vector<std::byte> code;
  for (int i = 0; i < 100'000; ++i) {
    code.insert(code.end(), {std::byte{122}, std::byte{0}, std::byte{0}});
  }
  BOOST_TEST(stack_depths_at(code, code.size() - 3).size() <= 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock::v2
