#include "cpython/v3/opcodes.hpp"

#include <boost/test/unit_test.hpp>

#include "cpython/layouts/opcodes3.hpp"
#include "work.hpp"

namespace importlock::v3 {

BOOST_AUTO_TEST_SUITE(opcodes_of_3)

BOOST_AUTO_TEST_CASE(specialisation_is_undone) {
  auto code = specialised();
  const Opcodes opcodes(python311_opcodes);
  opcodes.undo_specialisation(code);
  auto expected = compiled();
  BOOST_TEST((code == expected));
}

BOOST_AUTO_TEST_CASE(what_is_passed_over_leads_to_the_instruction_after_it) {
  const auto code = compiled();
  const Opcodes opcodes(python311_opcodes);
  // PRECALL 2, CALL 2.
  const auto call = opcodes.instruction_at(code, 16);
  BOOST_REQUIRE(call.has_value());
  BOOST_TEST((call->opcode == Opcode::call_function));
  BOOST_TEST(call->argument == 2U);
  BOOST_TEST(call->start == 20U);
  BOOST_TEST(call->next == 30U);
}

BOOST_AUTO_TEST_CASE(a_unit_of_cache_belongs_to_the_instruction_before_it) {
  const auto code = compiled();
  BOOST_TEST(Opcodes::start_of(code, 28) == 20U);
  BOOST_TEST(Opcodes::start_of(code, 20) == 20U);
}

BOOST_AUTO_TEST_CASE(extended_arg_counts_from_either_side) {
  // EXTENDED_ARG 1, LOAD_FAST 2.
  const auto code = bytes({144, 1, 124, 2});
  const Opcodes opcodes(python311_opcodes);
  for (const std::size_t offset : {0, 2}) {
    const auto load = opcodes.instruction_at(code, offset);
    BOOST_REQUIRE(load.has_value());
    BOOST_TEST(load->argument == 0x102U);
  }
}

BOOST_AUTO_TEST_CASE(the_value_stack_is_as_deep_as_the_paths_make_it) {
  const auto code = compiled();
  const auto ranges = protected_ranges(exception_table());
  const Opcodes opcodes(python311_opcodes);
  const auto depth = [&](std::size_t offset) { return opcodes.depths_at(code, ranges, offset); };
  const auto is = [&](std::size_t offset, int expected) {
    BOOST_TEST(depth(offset) == (std::vector<int>{expected}), boost::test_tools::per_element());
  };
  is(4, 1);    // BEFORE_WITH: the lock
  is(8, 1);    // its __exit__
  is(20, 4);   // CALL: __exit__ and three None
  is(36, 4);   // WITH_EXCEPT_START: __exit__, lasti, two exceptions
  is(88, 3);   // CALL: method, lock, 1
  is(174, 4);  // CALL: two exceptions, method, lock
}

BOOST_AUTO_TEST_CASE(code_without_end_costs_little) {
  // JUMP_BACKWARD to itself, and jumps past either end.
  for (const auto& code : {bytes({140, 1}), bytes({140, 255}), bytes({110, 255}), bytes({144, 1}),
                           bytes({144}), bytes({})}) {
    BOOST_TEST(Opcodes(python311_opcodes).depths_at(code, {}, 0).size() <= 1U);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock::v3
