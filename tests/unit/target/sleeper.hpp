#pragma once

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "target/proc_file.hpp"

namespace importlock {

/// A child that sleeps until it gets SIGUSR1, at which it computes for a moment.
class Sleeper {
 public:
  explicit Sleeper(int rounds = 1'000'000) : pid_(::fork()) {
    static volatile int left;
    static int most;
    most = rounds;
    if (pid_ == 0) {
      ::signal(SIGUSR1, [](int) {
        left = most;
        while (left > 0) left = left - 1;
      });
      while (true) ::pause();
    }
    wait_for_sleep();
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
    while (!read_proc_file("/proc/" + std::to_string(pid_) + "/syscall")
                .starts_with(std::to_string(SYS_pause) + " ")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  int pid_;
};

}  // namespace importlock
