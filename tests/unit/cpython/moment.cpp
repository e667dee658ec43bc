#include "cpython/moment.hpp"

#include <boost/test/unit_test.hpp>

namespace importlock {

namespace {

ThreadFacts blocked_thread(Lwp lwp, std::uint64_t ident) {
  ThreadFacts thread;
  thread.lwp = lwp;
  thread.ident = PthreadId{ident};
  SystemCall call;
  call.name = "futex";
  call.futex = Address{0x9000};
  thread.system_call = std::optional(call);
  thread.wait = PythonWait{};
  return thread;
}

/// Thread 1 holds the import lock, and both are blocked.
Snapshot two_blocked() {
  Snapshot snapshot;
  snapshot.import_lock.owner = std::optional(PthreadId{0xa});
  snapshot.threads = {blocked_thread(1, 0xa), blocked_thread(2, 0xb)};
  return snapshot;
}

bool runs(const ThreadFacts& thread) { return !*thread.system_call; }

}  // namespace

BOOST_AUTO_TEST_SUITE(moments)

BOOST_AUTO_TEST_CASE(a_blocked_thread_with_another_frame_has_moved) {
  const auto snapshot = two_blocked();
  Moment before;
  before.frames = {{PthreadId{0xa}, Address{0x10}}, {PthreadId{0xb}, Address{0x20}}};
  for (const auto& thread : snapshot.threads) before.threads[*thread.lwp] = *thread.system_call;
  auto after = before;
  BOOST_TEST(movement(before, after, snapshot.threads).none());
  after.frames[PthreadId{0xb}] = Address{0x30};
  const auto moved = movement(before, after, snapshot.threads);
  BOOST_TEST((moved.threads == std::unordered_set<Lwp>{2}));
  BOOST_TEST(!moved.lock);
  BOOST_TEST(!moved.thread_states);
}

BOOST_AUTO_TEST_CASE(a_thread_that_moved_runs) {
  auto snapshot = two_blocked();
  Movement moved;
  moved.threads = {2};
  mistrust(moved, snapshot);
  BOOST_TEST(!runs(snapshot.threads[0]));
  BOOST_TEST(runs(snapshot.threads[1]));
  BOOST_TEST(!snapshot.threads[1].whole);
  BOOST_TEST(snapshot.problems.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_owner_of_a_lock_that_changed_hands_runs) {
  auto snapshot = two_blocked();
  Movement moved;
  moved.lock = true;
  mistrust(moved, snapshot);
  BOOST_TEST(runs(snapshot.threads[0]));
  BOOST_TEST(!snapshot.threads[0].wait.has_value());
  BOOST_TEST(!runs(snapshot.threads[1]));
}

BOOST_AUTO_TEST_CASE(threads_that_came_or_went_are_not_all_known) {
  auto snapshot = two_blocked();
  Movement moved;
  moved.thread_states = true;
  mistrust(moved, snapshot);
  BOOST_TEST(snapshot.threads_changed);
}

BOOST_AUTO_TEST_CASE(an_owner_that_runs_and_shows_no_import_is_on_its_way) {
  auto snapshot = two_blocked();
  Moment moment;
  moment.threads[1] = std::nullopt;
  BOOST_TEST((owner_on_its_way(moment, snapshot) == std::optional<std::size_t>(0)));
  snapshot.threads[0].import_lock_evidence = "import leaf";
  BOOST_TEST(!owner_on_its_way(moment, snapshot).has_value());
  snapshot.threads[0].import_lock_evidence.clear();
  moment.threads[1] = *snapshot.threads[0].system_call;
  BOOST_TEST(!owner_on_its_way(moment, snapshot).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
