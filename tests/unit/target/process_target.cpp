#include "target/process_target.hpp"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "sleeper.hpp"

namespace importlock {

BOOST_AUTO_TEST_SUITE(a_process_that_runs_on)

BOOST_AUTO_TEST_CASE(stood_still_while_it_waits) {
  const Sleeper child;
  const auto target = process_target(child.pid(), {});
  BOOST_TEST(target.stood_still(target));
  BOOST_TEST(target.stood_still(target));
}

BOOST_AUTO_TEST_CASE(did_not_where_it_has_run_however_shortly_and_waits_again) {
  const Sleeper child(1);
  for (int i = 0; i < 100; ++i) {
    auto target = process_target(child.pid(), {});
    child.wake();
    while (target.stood_still(target)) continue;
    child.wait_for_sleep();
    BOOST_TEST(!target.stood_still(target));
    target.look_again(target);
    BOOST_TEST(target.stood_still(target));
  }
}

BOOST_AUTO_TEST_CASE(does_not_while_it_computes) {
  const Sleeper child(std::numeric_limits<int>::max());
  auto target = process_target(child.pid(), {});
  child.wake();
  while (target.stood_still(target)) continue;  // until it runs
  for (int i = 0; i < 100; ++i) {
    BOOST_TEST(!target.stood_still(target));
    target.look_again(target);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
