#include "cpython/v3/exception_table.hpp"

#include <boost/test/unit_test.hpp>

#include "work.hpp"

namespace importlock::v3 {

BOOST_AUTO_TEST_SUITE(exception_tables)

BOOST_AUTO_TEST_CASE(entries_are_as_dis_shows_them) {
  const auto ranges = protected_ranges(exception_table());
  BOOST_REQUIRE(ranges.size() == 5U);
  BOOST_TEST(ranges[0].start == 6U);
  BOOST_TEST(ranges[0].end == 8U);
  BOOST_TEST(ranges[0].handler == 34U);
  BOOST_TEST(ranges[0].depth == 1U);
  BOOST_TEST(ranges[0].with_lasti);
  // Numbers of two bytes.
  BOOST_TEST(ranges[3].start == 58U);
  BOOST_TEST(ranges[3].end == 100U);
  BOOST_TEST(ranges[3].handler == 144U);
  BOOST_TEST(ranges[3].depth == 0U);
  BOOST_TEST(!ranges[3].with_lasti);
  BOOST_TEST(ranges[4].start == 144U);
  BOOST_TEST(ranges[4].handler == 188U);
}

BOOST_AUTO_TEST_CASE(a_table_cut_short_ends_there) {
  auto table = exception_table();
  table.resize(6);
  BOOST_TEST(protected_ranges(table).size() == 1U);
  BOOST_TEST(protected_ranges({}).empty());
  // A number that goes on and on.
  BOOST_TEST(protected_ranges(std::vector(100, std::byte{0xff})).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock::v3
