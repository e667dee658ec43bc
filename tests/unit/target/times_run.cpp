#include "target/times_run.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "sleeper.hpp"

namespace importlock {

BOOST_AUTO_TEST_SUITE(times_that_a_thread_ran)

BOOST_AUTO_TEST_CASE(stand_while_it_waits_and_move_when_it_has_run) {
  const Sleeper child;
  const auto before = times_run(child.pid(), child.pid());
  BOOST_REQUIRE(before);
  BOOST_TEST(*times_run(child.pid(), child.pid()) == *before);
  child.wake();
  while (*times_run(child.pid(), child.pid()) == *before) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

BOOST_AUTO_TEST_CASE(are_not_told_where_there_is_no_such_thread) {
  BOOST_TEST(!times_run(::getpid(), 1).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
