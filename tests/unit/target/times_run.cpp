#include "target/times_run.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <thread>

#include "target/proc_file.hpp"

namespace importlock {

namespace {

/// A child that sleeps until it gets SIGUSR1, at which it computes for a moment.
class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0) {
      ::signal(SIGUSR1, [](int) {
        volatile int rounds = 1'000'000;
        while (rounds > 0) rounds = rounds - 1;
      });
      while (true) ::pause();
    }
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] int pid() const { return pid_; }
  void wake() const { ::kill(pid_, SIGUSR1); }
  /// Waits until it is in pause().
  void wait_for_sleep() const {
    while (read_proc_file("/proc/" + std::to_string(pid_) + "/syscall").starts_with("running")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  int pid_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(times_that_a_thread_ran)

BOOST_AUTO_TEST_CASE(stand_while_it_waits_and_move_when_it_has_run) {
  const Sleeper child;
  child.wait_for_sleep();
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
