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

BOOST_AUTO_TEST_CASE(a_finally_of_3_8_is_reached_both_ways) {
  // SETUP_FINALLY 6, LOAD_FAST 0, POP_TOP, POP_BLOCK, BEGIN_FINALLY; LOAD_FAST 0, LOAD_METHOD 0,
  // CALL_METHOD 0, POP_TOP, END_FINALLY, LOAD_CONST 0, RETURN_VALUE.
  const auto code = bytes(
      {122, 8, 124, 0, 1, 0, 87, 0, 53, 0, 124, 0, 160, 0, 161, 0, 1, 0, 88, 0, 100, 0, 83, 0});
  const Opcodes opcodes(python308_opcodes);
  BOOST_TEST(opcodes.depths_at(code, {}, 14) == (std::vector<int>{3, 8}),
             boost::test_tools::per_element());
  // Where an exception led there, END_FINALLY does not go on.
  BOOST_TEST(opcodes.depths_at(code, {}, 20) == (std::vector<int>{0}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_with_of_3_14_begins_with_a_call) {
  // with lock: pass
  const auto code =
      bytes({128, 0, 86, 0, 59, 1, 95, 1, 117, 2, 117, 3, 95, 0, 52,  0, 0,  0, 0,   0, 0,   0,
             31,  0, 27, 0, 82, 0, 82, 0, 82,  0, 52,  3, 0,  0, 0,   0, 0,  0, 31,  0, 82,  0,
             35,  0, 32, 0, 43, 0, 39, 0, 0,   0, 0,   0, 0,  0, 103, 2, 0,  0, 28,  0, 105, 2,
             31,  0, 29, 0, 31, 0, 31, 0, 31,  0, 82,  0, 35, 0, 59,  3, 29, 0, 105, 1});
  const auto ranges = protected_ranges(bytes({139, 1, 23, 5, 151, 11, 40, 9}));
  const Opcodes opcodes(python314_opcodes);
  // COPY, LOAD_SPECIAL and SWAP lead there.
  const auto call = opcodes.instruction_at(code, 4);
  BOOST_REQUIRE(call.has_value());
  BOOST_TEST((call->opcode == Opcode::call_function));
  BOOST_TEST(call->start == 14U);
  BOOST_TEST(call->next == ranges.front().start);
  // __exit__ and the lock, __enter__ and the lock.
  BOOST_TEST(opcodes.depths_at(code, ranges, 14) == (std::vector<int>{4}),
             boost::test_tools::per_element());
  BOOST_TEST(ranges.front().depth == 2U);
  BOOST_TEST(opcodes.depths_at(code, ranges, 32) == (std::vector<int>{5}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_call_with_a_tuple_may_always_have_the_place_of_a_dict) {
  // CALL_FUNCTION_EX 0
  const auto argument = [](const OpcodeTable& table, int number) {
    return Opcodes(table).instruction_at(bytes({number, 0}), 0)->argument;
  };
  BOOST_TEST(argument(python313_opcodes, 54) == 0U);
  BOOST_TEST(argument(python314_opcodes, 4) == 1U);
}

BOOST_AUTO_TEST_CASE(an_import_may_have_flags) {
  // IMPORT_NAME 6: the seventh name; since 3.15 the second one, not lazily.
  const auto argument = [](const OpcodeTable& table, int number) {
    return Opcodes(table).instruction_at(bytes({number, 6}), 0)->argument;
  };
  BOOST_TEST(argument(python314_opcodes, 73) == 6U);
  BOOST_TEST(argument(python315_opcodes, 72) == 1U);
}

BOOST_AUTO_TEST_CASE(code_of_another_version_does_not_fit) {
  const auto fits = [](const OpcodeTable& table, const Compiled& compiled, std::size_t stack_size) {
    const Opcodes opcodes(table);
    auto code = compiled.code;
    opcodes.undo_specialisation(code);
    return opcodes.fits(code, protected_ranges(compiled.exception_table), stack_size);
  };
  const auto older = compiled_by_314();
  const auto newer = compiled_by_315();
  BOOST_TEST(fits(python314_opcodes, older, older.stack_size));
  BOOST_TEST(fits(python315_opcodes, newer, newer.stack_size));
  BOOST_TEST(!fits(python315_opcodes, older, older.stack_size));
  BOOST_TEST(!fits(python314_opcodes, newer, newer.stack_size));
  BOOST_TEST(!fits(python315_opcodes, newer, newer.stack_size - 2));
  BOOST_TEST(!fits(python315_opcodes, {}, 1));
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
