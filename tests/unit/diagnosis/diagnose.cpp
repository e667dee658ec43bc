#include "diagnosis/diagnose.hpp"

#include <boost/test/unit_test.hpp>

namespace importlock {

namespace {

constexpr Address lock_address{0x1000};

ThreadFacts python_thread(Lwp lwp, std::uint64_t ident) {
  ThreadFacts thread;
  thread.lwp = lwp;
  thread.ident = PthreadId{ident};
  thread.python = true;
  thread.system_call = std::optional<SystemCall>();
  return thread;
}

void block_on(ThreadFacts& thread, Address futex) {
  SystemCall call;
  call.name = "futex";
  call.futex = futex;
  thread.system_call = std::optional(call);
}

/// Thread 1 imports and joins thread 2, which is in os.fork.
Snapshot fork_hang() {
  Snapshot snapshot;
  LockFacts lock;
  lock.address = lock_address;
  lock.size = 32;
  snapshot.import_lock.lock = lock;
  snapshot.import_lock.owner = std::optional(PthreadId{0xa});
  auto owner = python_thread(1, 0xa);
  owner.import_lock_evidence = "import videoin";
  owner.importing.push_back({"videoin", 0});
  block_on(owner, Address{0x9000});
  owner.wait = PythonWait{PythonWait::Kind::join, "Thread-1", PthreadId{0xb}, false, 0};
  auto waiter = python_thread(2, 0xb);
  block_on(waiter, lock_address);
  waiter.operation = Operation{Operation::Kind::fork, "os.fork", 0};
  snapshot.threads = {owner, waiter};
  return snapshot;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(diagnosis)

BOOST_AUTO_TEST_CASE(join_of_a_thread_in_fork_is_a_deadlock) {
  const auto report = diagnose(fork_hang());
  BOOST_TEST((report.verdict.kind == VerdictKind::deadlock));
  BOOST_TEST(report.verdict.cycle == (std::vector<Lwp>{1, 2}), boost::test_tools::per_element());
  BOOST_TEST(report.status() == 1);
}

BOOST_AUTO_TEST_CASE(a_free_lock_is_free) {
  auto snapshot = fork_hang();
  snapshot.import_lock.owner = std::optional<PthreadId>();
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::free));
  BOOST_TEST(report.status() == 0);
}

BOOST_AUTO_TEST_CASE(an_owner_that_runs_is_importing) {
  auto snapshot = fork_hang();
  snapshot.threads[0].system_call = std::optional<SystemCall>();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::importing));
}

BOOST_AUTO_TEST_CASE(a_timed_join_is_not_certain) {
  auto snapshot = fork_hang();
  snapshot.threads[0].wait->timed = true;
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::deadlock));
  BOOST_TEST(!report.verdict.certain);
}

BOOST_AUTO_TEST_CASE(an_owner_that_is_no_thread_is_orphaned) {
  auto snapshot = fork_hang();
  snapshot.import_lock.owner = std::optional(PthreadId{0xdead});
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::orphaned));
  BOOST_TEST(!report.import_lock_owner.has_value());
}

BOOST_AUTO_TEST_CASE(a_thread_of_the_same_id_without_an_import_is_not_called_the_owner) {
  auto snapshot = fork_hang();
  snapshot.threads[0].import_lock_evidence.clear();
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::unknown));
  BOOST_TEST(!report.import_lock_owner.has_value());
}

BOOST_AUTO_TEST_CASE(a_thread_that_waits_for_the_lock_is_not_its_owner) {
  auto snapshot = fork_hang();
  block_on(snapshot.threads[0], lock_address);
  BOOST_TEST(!diagnose(snapshot).import_lock_owner.has_value());
}

BOOST_AUTO_TEST_CASE(missing_facts_give_unknown) {
  auto snapshot = fork_hang();
  snapshot.import_lock.owner = Missing{"symbol import_lock_thread was not found"};
  snapshot.import_lock.lock = Missing{"symbol import_lock was not found"};
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::unknown));
  BOOST_TEST(report.status() == 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
