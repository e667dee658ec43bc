#include "target/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace importlock {

namespace {

constexpr long futex_number = 202;

// Linux arch/x86/entry/syscalls/syscall_64.tbl: the calls in which a thread can wait.
constexpr std::array<std::pair<long, std::string_view>, 42> names{{
    {0, "read"},
    {1, "write"},
    {2, "open"},
    {7, "poll"},
    {16, "ioctl"},
    {17, "pread64"},
    {18, "pwrite64"},
    {19, "readv"},
    {20, "writev"},
    {23, "select"},
    {34, "pause"},
    {35, "nanosleep"},
    {42, "connect"},
    {43, "accept"},
    {44, "sendto"},
    {45, "recvfrom"},
    {46, "sendmsg"},
    {47, "recvmsg"},
    {61, "wait4"},
    {65, "semop"},
    {70, "msgrcv"},
    {72, "fcntl"},
    {73, "flock"},
    {74, "fsync"},
    {128, "rt_sigtimedwait"},
    {130, "rt_sigsuspend"},
    {202, "futex"},
    {208, "io_getevents"},
    {219, "restart_syscall"},
    {220, "semtimedop"},
    {230, "clock_nanosleep"},
    {232, "epoll_wait"},
    {243, "mq_timedreceive"},
    {247, "waitid"},
    {257, "openat"},
    {270, "pselect6"},
    {271, "ppoll"},
    {281, "epoll_pwait"},
    {288, "accept4"},
    {299, "recvmmsg"},
    {437, "openat2"},
    {449, "futex_waitv"},
}};

}  // namespace

SystemCall x86_64_system_call(long number, std::uint64_t first, std::uint64_t second) {
  SystemCall call;
  call.number = number;
  call.first_argument = first;
  const auto* const known =
      std::ranges::find(names, number, &std::pair<long, std::string_view>::first);
  call.name = known != names.end() ? std::string(known->second) : fmt::format("{}", number);
  // Linux include/uapi/linux/futex.h: FUTEX_WAIT 0, FUTEX_WAIT_BITSET 9; the flags PRIVATE 128 and
  // CLOCK_REALTIME 256 are masked.
  const auto operation = second & 0x7f;
  if (number == futex_number && (operation == 0 || operation == 9)) call.futex = Address{first};
  return call;
}

}  // namespace importlock
