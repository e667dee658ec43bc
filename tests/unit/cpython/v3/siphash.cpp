#include "cpython/v3/siphash.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>
#include <string>

using importlock::v3::siphash;

BOOST_AUTO_TEST_SUITE(siphash_of_3)

BOOST_AUTO_TEST_CASE(the_paper_has_this_value) {
  // Aumasson and Bernstein, "SipHash: a fast short-input PRF", appendix A.
  std::string message(15, '\0');
  std::iota(message.begin(), message.end(), '\0');
  BOOST_TEST(siphash({0x0706050403020100, 0x0f0e0d0c0b0a0908}, 2, message) == 0xa129ca6149be45e5);
}

BOOST_AUTO_TEST_CASE(it_is_the_hash_of_a_str) {
  // hash('videoin') with PYTHONHASHSEED=0, of 3.10 and of 3.11.
  BOOST_TEST(siphash({}, 2, "videoin") == 14232546273489454540U);
  BOOST_TEST(siphash({}, 1, "videoin") == 7446268951214031884U);
  BOOST_TEST(siphash({}, 2, "threading_module") == 17621530743571208659U);
  BOOST_TEST(siphash({}, 1, "threading_module") == 8134313704369842086U);
}

BOOST_AUTO_TEST_SUITE_END()
