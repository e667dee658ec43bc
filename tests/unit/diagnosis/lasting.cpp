#include "diagnosis/lasting.hpp"

#include <boost/test/unit_test.hpp>

namespace importlock {

namespace {

Report deadlock() {
  Report report;
  report.import_lock_state = ImportLockState::held;
  report.import_lock.owner = std::optional(PthreadId{0xa});
  report.import_lock_owner = 1;
  report.verdict.kind = VerdictKind::deadlock;
  report.verdict.cycle = {1, 2};
  return report;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lasting)

BOOST_AUTO_TEST_CASE(a_hang_is_the_same_by_its_lock_and_its_cycle) {
  BOOST_TEST(same_hang(deadlock(), deadlock()));
  auto other = deadlock();
  other.verdict.cycle = {1, 3};
  BOOST_TEST(!same_hang(deadlock(), other));
  other = deadlock();
  other.import_lock.owner = std::optional(PthreadId{0xb});
  BOOST_TEST(!same_hang(deadlock(), other));
  other = deadlock();
  other.verdict.kind = VerdictKind::importing;
  BOOST_TEST(!same_hang(deadlock(), other));
}

BOOST_AUTO_TEST_CASE(what_does_not_last_is_unknown) {
  auto report = deadlock();
  doubt_hang(report);
  BOOST_TEST((report.verdict.kind == VerdictKind::unknown));
  BOOST_TEST(report.status() == 2);
  BOOST_TEST(report.problems.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_stall_claims_no_more_than_its_moment) {
  auto report = deadlock();
  report.verdict.kind = VerdictKind::stalled;
  doubt_hang(report);
  BOOST_TEST((report.verdict.kind == VerdictKind::stalled));
}

BOOST_AUTO_TEST_CASE(a_new_thread_that_runs_may_be_between_two_waits_for_the_world_to_stop) {
  Report report;
  report.gil_state = GilState::none;
  report.python.free_threaded = true;
  report.threads.resize(2);
  auto& joiner = report.threads[0];
  auto& joined = report.threads[1];
  joiner.facts.lwp = 1;
  joiner.facts.python = true;
  joiner.waits_for = Wait{};
  joiner.waits_for->kind = WaitKind::join;
  joiner.waits_for->lwp = 2;
  joined.facts.lwp = 2;
  joined.facts.system_call = std::optional<SystemCall>();
  BOOST_TEST(may_wait_for_gil(report));
  joined.facts.python = true;
  BOOST_TEST(!may_wait_for_gil(report));
  joined.facts.python = false;
  report.python.free_threaded = false;
  BOOST_TEST(!may_wait_for_gil(report));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
