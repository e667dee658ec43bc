#include "cpython/v3/line_table.hpp"

#include <boost/test/unit_test.hpp>
#include <utility>

#include "work.hpp"

namespace importlock::v3 {

BOOST_AUTO_TEST_SUITE(line_tables)

BOOST_AUTO_TEST_CASE(lines_are_those_of_co_lines) {
  const auto table = location_table();
  constexpr std::pair<std::size_t, int> expected[] = {
      {0, 1},   {4, 2},   {8, 3},   {20, 2},  {28, 2},  {34, 2},  {42, 0},  {56, 4},
      {58, 5},  {74, 5},  {82, 6},  {84, 5},  {96, 5},  {100, 8}, {142, 8}, {144, 0},
      {148, 8}, {186, 8}, {188, 0}, {192, 0}, {194, 0}, {9999, 0}};
  for (const auto& [offset, line] : expected) {
    BOOST_TEST(line_in_locations(table, 1, offset) == line, "at " << offset);
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_table_tells_nothing) {
  BOOST_TEST(line_in_locations({}, 1, 0) == 0);
  BOOST_TEST(line_in_locations(std::vector(10, std::byte{0x7f}), 1, 1000) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock::v3
