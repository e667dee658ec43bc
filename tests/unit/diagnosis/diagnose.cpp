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
  snapshot.import_lock.level = 1;
  snapshot.gil.lock = LockFacts{Address{0x2000}, 32, false};
  snapshot.gil.holder = std::optional<PthreadId>();
  auto owner = python_thread(1, 0xa);
  owner.import_lock_evidence = "import videoin";
  owner.importing.push_back({"videoin", 0});
  block_on(owner, Address{0x9000});
  owner.wait = PythonWait{};
  owner.wait->what = "Thread-1";
  owner.wait->call = "Thread.join";
  owner.wait->thread = PthreadId{0xb};
  auto waiter = python_thread(2, 0xb);
  block_on(waiter, lock_address);
  waiter.operation = Operation{Operation::Kind::fork, "os.fork", 0};
  snapshot.threads = {owner, waiter};
  return snapshot;
}

void free_import_lock(Snapshot& snapshot) {
  snapshot.import_lock.owner = std::optional<PthreadId>();
  snapshot.import_lock.level = 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(diagnosis)

BOOST_AUTO_TEST_CASE(join_of_a_thread_in_fork_is_a_deadlock) {
  const auto report = diagnose(fork_hang());
  BOOST_TEST((report.verdict.kind == VerdictKind::deadlock));
  BOOST_TEST(report.verdict.cycle == (std::vector<Lwp>{1, 2}), boost::test_tools::per_element());
  BOOST_TEST(report.status() == 1);
}

BOOST_AUTO_TEST_CASE(a_thread_that_begins_ends_the_start_of_a_thread) {
  auto snapshot = fork_hang();
  auto& wait = *snapshot.threads[0].wait;
  wait.kind = PythonWait::Kind::event;
  wait.call = "Thread.start";
  wait.thread.reset();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::deadlock));
  auto newborn = python_thread(3, 0xc);
  newborn.python = false;
  snapshot.threads.push_back(newborn);
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::stalled));
  // One of the host's own, which sits in a call, is no new thread.
  SystemCall call;
  call.name = "epoll_wait";
  snapshot.threads[2].system_call = std::optional(call);
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::deadlock));
}

BOOST_AUTO_TEST_CASE(a_free_lock_is_free) {
  auto snapshot = fork_hang();
  free_import_lock(snapshot);
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::free));
  BOOST_TEST(report.status() == 0);
}

BOOST_AUTO_TEST_CASE(no_owner_alone_does_not_make_a_lock_free) {
  auto snapshot = fork_hang();
  free_import_lock(snapshot);
  snapshot.import_lock.level = Missing{"cannot be read"};
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
}

BOOST_AUTO_TEST_CASE(an_owner_that_runs_is_importing) {
  auto snapshot = fork_hang();
  snapshot.threads[0].system_call = std::optional<SystemCall>();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::importing));
}

BOOST_AUTO_TEST_CASE(a_timed_join_is_not_certain) {
  auto snapshot = fork_hang();
  auto& wait = *snapshot.threads[0].wait;
  wait.timed = true;
  wait.loop = 0;
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::deadlock));
  BOOST_TEST(!report.verdict.certain);
  // Once only, or in a loop around the import, it goes on by itself.
  wait.loop = 1;
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::stalled));
  wait.loop.reset();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::stalled));
}

BOOST_AUTO_TEST_CASE(a_module_that_runs_under_another_id_than_the_owners_is_a_contradiction) {
  auto snapshot = fork_hang();
  snapshot.import_lock.owner = std::optional(PthreadId{0xdead});
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::unknown));
  BOOST_TEST(report.problems.size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_owner_that_is_no_thread_is_orphaned) {
  auto snapshot = fork_hang();
  snapshot.import_lock.owner = std::optional(PthreadId{0xdead});
  snapshot.threads[0].importing.clear();
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::orphaned));
  BOOST_TEST(!report.import_lock_owner.has_value());
}

BOOST_AUTO_TEST_CASE(a_thread_of_the_same_id_without_an_import_is_not_called_the_owner) {
  auto snapshot = fork_hang();
  snapshot.threads[0].import_lock_evidence.clear();
  snapshot.threads[0].frames.emplace_back();
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::orphaned));
  BOOST_TEST(!report.verdict.certain);
  BOOST_TEST(!report.import_lock_owner.has_value());
  // As at the start of the interpreter, C code imports with no frame.
  snapshot.threads[0].frames.clear();
  BOOST_TEST((diagnose(snapshot).import_lock_owner == std::optional<Lwp>(1)));
}

BOOST_AUTO_TEST_CASE(a_thread_of_the_same_id_whose_frames_are_damaged_may_be_the_owner) {
  auto snapshot = fork_hang();
  snapshot.threads[0].import_lock_evidence.clear();
  snapshot.threads[0].whole = false;
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
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

BOOST_AUTO_TEST_CASE(a_fork_that_waits_elsewhere_contradicts_the_lock) {
  auto snapshot = fork_hang();
  snapshot.threads[1].operation->locks_first = true;
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::deadlock));
  // As where the address of the lock is damaged.
  block_on(snapshot.threads[1], Address{0x5000});
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::unknown));
  BOOST_TEST(report.problems.size() == 1);
  // Whoever takes turns is on its way to the lock.
  snapshot.gil.lock = LockFacts{Address{0x2000}, 32, true};
  snapshot.gil.holder = std::optional(PthreadId{0xc});
  snapshot.threads.push_back(python_thread(3, 0xc));
  block_on(snapshot.threads[1], Address{0x2000});
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::importing));
}

BOOST_AUTO_TEST_CASE(a_wait_inside_is_no_slow_import_while_the_gil_is_unknown) {
  auto snapshot = fork_hang();
  snapshot.threads[1].system_call = std::optional<SystemCall>();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::importing));
  // Whoever runs may have taken it, and not yet have written that down.
  snapshot.gil.lock = LockFacts{Address{0x2000}, 32, true};
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::importing));
  snapshot.gil.holder = Missing{"unreadable"};
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
  snapshot.gil.holder = std::optional<PthreadId>();
  snapshot.gil.lock = Missing{"unreadable"};
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
}

BOOST_AUTO_TEST_CASE(a_thread_that_was_not_read_may_end_a_wait_that_any_can) {
  auto snapshot = fork_hang();
  snapshot.all_thread_states = false;
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::deadlock));
  snapshot.threads[0].wait->kind = PythonWait::Kind::event;
  snapshot.threads[0].wait->thread.reset();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
  snapshot.all_thread_states = true;
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::deadlock));
}

BOOST_AUTO_TEST_CASE(an_import_without_an_import_lock_is_unknown) {
  auto snapshot = fork_hang();
  snapshot.import_lock.lock = LockFacts{};
  free_import_lock(snapshot);
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
  // A program of several threads has imported, and made the GIL.
  snapshot.threads[0].importing.clear();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
  snapshot.threads.resize(1);
  snapshot.threads[0].wait.reset();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::free));
}

BOOST_AUTO_TEST_CASE(an_owner_may_be_a_thread_whose_id_was_not_read) {
  auto snapshot = fork_hang();
  // The thread state and its thread, apart.
  auto native = snapshot.threads[1];
  native.ident.reset();
  native.python = false;
  snapshot.threads[1].lwp.reset();
  snapshot.threads.push_back(native);
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
}

BOOST_AUTO_TEST_CASE(housekeeping_ends_no_wait_but_costs_certainty) {
  auto snapshot = fork_hang();
  snapshot.threads[0].wait->kind = PythonWait::Kind::event;
  snapshot.threads[0].wait->thread.reset();
  auto third = python_thread(3, 0xc);
  snapshot.threads.push_back(third);
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::stalled));
  snapshot.threads[2].housekeeping = true;
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::deadlock));
  BOOST_TEST(!report.verdict.certain);
}

BOOST_AUTO_TEST_CASE(a_finally_that_waits_for_its_lock_does_not_hold_it) {
  auto snapshot = fork_hang();
  for (auto& thread : snapshot.threads) {
    thread.wait = PythonWait{};
    thread.wait->kind = PythonWait::Kind::lock;
    thread.wait->lock = Address{0x9000};
    HeldLock held;
    held.lock = Address{0x9000};
    held.shown = HeldLock::Shown::finally_block;
    thread.held = {held};
  }
  block_on(snapshot.threads[1], Address{0x9000});
  const auto report = diagnose(snapshot);
  for (const auto& thread : report.threads) BOOST_TEST(!thread.waits_for->lwp.has_value());
}

BOOST_AUTO_TEST_CASE(who_has_the_lock_but_not_yet_the_gil_is_its_owner) {
  auto snapshot = fork_hang();
  free_import_lock(snapshot);
  auto lock = *snapshot.import_lock.lock;
  lock.locked = true;
  snapshot.import_lock.lock = lock;
  LockFacts gil;
  gil.address = Address{0x2000};
  gil.size = 32;
  gil.locked = true;
  snapshot.gil.lock = gil;
  snapshot.gil.holder = std::optional(PthreadId{0xc});
  auto holder = python_thread(3, 0xc);
  SystemCall call;
  call.name = "read";
  holder.system_call = std::optional(call);
  snapshot.threads.push_back(holder);
  auto& taker = snapshot.threads[0];
  taker.wait.reset();
  taker.operation = Operation{Operation::Kind::import, "import app", 0};
  block_on(taker, Address{0x2000});
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.import_lock_state == ImportLockState::held));
  BOOST_TEST((report.import_lock_owner == std::optional<Lwp>(1)));
  BOOST_TEST((report.verdict.kind == VerdictKind::stalled));
  BOOST_TEST(report.gil_stuck);
}

BOOST_AUTO_TEST_CASE(an_rlock_of_nobody_is_told) {
  auto snapshot = fork_hang();
  free_import_lock(snapshot);
  snapshot.threads[0].wait->kind = PythonWait::Kind::rlock;
  snapshot.threads[0].wait->thread = PthreadId{0xdead};
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::orphaned));
  BOOST_TEST(report.verdict.certain);
  BOOST_TEST(report.status() == 1);
}

BOOST_AUTO_TEST_CASE(a_gil_of_no_living_thread_is_orphaned) {
  auto snapshot = fork_hang();
  free_import_lock(snapshot);
  snapshot.gil.lock = LockFacts{Address{0x2000}, 32, true};
  snapshot.gil.holder = std::optional(PthreadId{0xdead});
  snapshot.threads.resize(1);
  snapshot.threads[0].wait.reset();
  block_on(snapshot.threads[0], Address{0x2000});
  // Its holder is in no list, so that it may be damaged; or its thread state is.
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
  auto left_over = python_thread(2, 0xdead);
  left_over.lwp.reset();
  snapshot.threads.push_back(left_over);
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::orphaned));
  BOOST_TEST(report.verdict.lock == "GIL");
  // By another thread state of its own it waits for what it holds itself; with one alone it is
  // about to have it.
  snapshot.gil.holder = std::optional(PthreadId{0xa});
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
  auto call = **snapshot.threads[0].system_call;
  call.timed = true;
  snapshot.threads[0].system_call = std::optional(call);
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::free));
  snapshot.threads[0].states = 2;
  const auto own = diagnose(snapshot);
  BOOST_TEST((own.verdict.kind == VerdictKind::deadlock));
  BOOST_TEST(own.verdict.cycle == std::vector<Lwp>{1}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(facts_of_the_import_lock_that_are_at_odds_make_nothing_free) {
  auto snapshot = fork_hang();
  free_import_lock(snapshot);
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::free));
  snapshot.import_lock.level = 1;
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::unknown));
  BOOST_TEST(report.status() == 2);
  BOOST_TEST(report.problems.size() == 1U);
  snapshot.import_lock.level = 0;
  snapshot.import_lock.lock = LockFacts{lock_address, 32, true};
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
  snapshot.import_lock.lock = LockFacts{lock_address, 32, false};
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
  // A thread that runs is about to set the other variables.
  snapshot.import_lock.level = 1;
  snapshot.threads[1].system_call = std::optional<SystemCall>();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::free));
}

BOOST_AUTO_TEST_CASE(an_owner_whose_level_is_0_owns_nothing_for_certain) {
  auto snapshot = fork_hang();
  snapshot.import_lock.level = 0;
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::deadlock));
  BOOST_TEST(!diagnose(snapshot).verdict.certain);
  snapshot.import_lock.owner = std::optional(PthreadId{0xdead});
  snapshot.threads[0].importing.clear();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
}

BOOST_AUTO_TEST_CASE(no_thread_has_the_id_0) {
  auto snapshot = fork_hang();
  snapshot.import_lock.owner = std::optional(PthreadId{});
  snapshot.threads[0].importing.clear();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
}

BOOST_AUTO_TEST_CASE(a_blocked_thread_that_was_not_read_whole_may_hang) {
  auto snapshot = fork_hang();
  snapshot.threads[1].whole = false;
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::deadlock));
  BOOST_TEST(!diagnose(snapshot).verdict.certain);
  free_import_lock(snapshot);
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
  snapshot.threads[1].system_call = std::optional<SystemCall>();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::free));
  snapshot.all_thread_states = false;
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
}

BOOST_AUTO_TEST_CASE(a_gil_without_a_holder_may_be_that_of_any_thread_that_does_not_wait_for_it) {
  auto snapshot = fork_hang();
  free_import_lock(snapshot);
  snapshot.gil.lock = LockFacts{Address{0x2000}, 32, true};
  snapshot.gil.holder = std::optional<PthreadId>();
  block_on(snapshot.threads[1], Address{0x2000});
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::unknown));
  snapshot.threads[0].wait.reset();
  block_on(snapshot.threads[0], Address{0x2000});
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::orphaned));
}

BOOST_AUTO_TEST_CASE(a_thread_that_waits_for_a_lock_left_behind_by_a_fork_is_orphaned) {
  auto snapshot = fork_hang();
  free_import_lock(snapshot);
  auto& waiter = snapshot.threads[0];
  waiter.wait->kind = PythonWait::Kind::lock;
  waiter.wait->thread.reset();
  waiter.wait->lock = Address{0x9000};
  auto& left_over = snapshot.threads[1];
  left_over.lwp.reset();
  HeldLock held;
  held.lock = Address{0x9000};
  left_over.held = {held};
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::orphaned));
  BOOST_TEST(report.status() == 1);
}

BOOST_AUTO_TEST_CASE(a_lock_of_c_code_can_be_released_by_any_thread_of_the_process) {
  auto snapshot = fork_hang();
  auto& owner = snapshot.threads[0];
  owner.wait.reset();
  owner.native_lock = NativeLock{};
  owner.native_lock->address = Address{0x9000};
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::deadlock));
  // Unless it lies in memory that other processes have mapped too.
  owner.native_lock->shared = true;
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::stalled));
  // A mutex names who holds it.
  owner.native_lock = NativeLock{};
  owner.native_lock->kind = NativeLock::Kind::mutex;
  owner.native_lock->owner = 2;
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::deadlock));
  BOOST_TEST((report.threads[0].waits_for->kind == WaitKind::mutex));
  // One that is not listed is not known.
  owner.native_lock->owner = 77;
  BOOST_TEST(!diagnose(snapshot).threads[0].waits_for->lwp.has_value());
}

BOOST_AUTO_TEST_CASE(a_lock_that_its_only_thread_took_before_is_a_cycle_of_one) {
  auto snapshot = fork_hang();
  free_import_lock(snapshot);
  snapshot.threads.resize(1);
  auto& thread = snapshot.threads[0];
  thread.wait->kind = PythonWait::Kind::lock;
  thread.wait->thread.reset();
  thread.wait->lock = Address{0x9000};
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::orphaned));
  HeldLock held;
  held.lock = Address{0x9000};
  held.shown = HeldLock::Shown::acquire_call;
  thread.held = {held};
  const auto report = diagnose(snapshot);
  BOOST_TEST((report.verdict.kind == VerdictKind::deadlock));
  BOOST_TEST(report.verdict.cycle == std::vector<Lwp>{1}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_event_that_nobody_is_left_to_set_is_no_free_process) {
  auto snapshot = fork_hang();
  free_import_lock(snapshot);
  snapshot.threads.resize(1);
  auto& wait = *snapshot.threads[0].wait;
  wait.kind = PythonWait::Kind::event;
  wait.thread.reset();
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::orphaned));
  snapshot.signals_interrupt_waits = true;
  BOOST_TEST((diagnose(snapshot).verdict.kind == VerdictKind::free));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
