#include "target/system_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace importlock {

namespace {

struct Row {
  std::string_view name;
  std::array<int, 3> numbers;  ///< by Architecture; -1: the architecture has no such call
};

// The calls in which a thread can wait, and some that it can be seen in, of Linux 6.1:
// arch/x86/entry/syscalls/syscall_64.tbl, syscall_32.tbl, include/uapi/asm-generic/unistd.h.
// Variants of a call (futex_time64, fcntl64, waitpid) go by the name that x86-64 has for it.
constexpr std::array<Row, 80> table{{
    {"accept", {43, -1, 202}},
    {"accept4", {288, 364, 242}},
    {"brk", {12, 45, 214}},
    {"clock_nanosleep", {230, 267, 115}},
    {"clock_nanosleep", {-1, 407, 407}},
    {"clone", {56, 120, 220}},
    {"clone3", {435, 435, 435}},
    {"close", {3, 6, 57}},
    {"connect", {42, 362, 203}},
    {"epoll_pwait", {281, 319, 22}},
    {"epoll_pwait2", {441, 441, 441}},
    {"epoll_wait", {232, 256, -1}},
    {"execve", {59, 11, 221}},
    {"exit", {60, 1, 93}},
    {"exit_group", {231, 252, 94}},
    {"fcntl", {72, 55, 25}},
    {"fcntl", {-1, 221, -1}},
    {"fdatasync", {75, 148, 83}},
    {"flock", {73, 143, 32}},
    {"fsync", {74, 118, 82}},
    {"futex", {202, 240, 98}},
    {"futex", {-1, 422, 422}},
    {"futex_waitv", {449, 449, 449}},
    {"getdents64", {217, 220, 61}},
    {"io_getevents", {208, 247, 4}},
    {"io_pgetevents", {333, 385, 292}},
    {"ioctl", {16, 54, 29}},
    {"ipc", {-1, 117, -1}},
    {"mmap", {9, 90, 222}},
    {"mq_timedreceive", {243, 280, 183}},
    {"mq_timedreceive", {-1, 419, 419}},
    {"mq_timedsend", {242, 279, 182}},
    {"msgrcv", {70, 401, 188}},
    {"msgsnd", {69, 400, 189}},
    {"munmap", {11, 91, 215}},
    {"nanosleep", {35, 162, 101}},
    {"newfstatat", {262, -1, 79}},
    {"open", {2, 5, -1}},
    {"openat", {257, 295, 56}},
    {"openat2", {437, 437, 437}},
    {"pause", {34, 29, -1}},
    {"poll", {7, 168, -1}},
    {"ppoll", {271, 309, 73}},
    {"ppoll", {-1, 414, 414}},
    {"pread64", {17, 180, 67}},
    {"preadv", {295, 333, 69}},
    {"pselect6", {270, 308, 72}},
    {"pselect6", {-1, 413, 413}},
    {"pwrite64", {18, 181, 68}},
    {"pwritev", {296, 334, 70}},
    {"read", {0, 3, 63}},
    {"readv", {19, 145, 65}},
    {"recvfrom", {45, 371, 207}},
    {"recvmmsg", {299, 337, 243}},
    {"recvmmsg", {-1, 417, 417}},
    {"recvmsg", {47, 372, 212}},
    {"restart_syscall", {219, 0, 128}},
    {"rt_sigsuspend", {130, 179, 133}},
    {"rt_sigtimedwait", {128, 177, 137}},
    {"rt_sigtimedwait", {-1, 421, 421}},
    {"select", {23, 82, -1}},
    {"select", {-1, 142, -1}},
    {"semop", {65, -1, 193}},
    {"semtimedop", {220, -1, 192}},
    {"semtimedop", {-1, 420, 420}},
    {"sendfile", {40, 187, 71}},
    {"sendfile", {-1, 239, -1}},
    {"sendmsg", {46, 370, 211}},
    {"sendto", {44, 369, 206}},
    {"rt_sigsuspend", {-1, 72, -1}},
    {"socketcall", {-1, 102, -1}},
    {"splice", {275, 313, 76}},
    {"stat", {4, 106, -1}},
    {"statx", {332, 383, 291}},
    {"vfork", {58, 190, -1}},
    {"wait4", {61, 114, 260}},
    {"waitid", {247, 284, 95}},
    {"wait4", {-1, 7, -1}},
    {"write", {1, 4, 64}},
    {"writev", {20, 146, 66}},
}};

// Linux include/uapi/linux/net.h: what socketcall(2) of i386 multiplexes, from SYS_SOCKET = 1 on.
constexpr std::array<std::string_view, 20> socket_calls{
    "socket",     "bind",    "connect",  "listen",  "accept",   "getsockname", "getpeername",
    "socketpair", "sendto",  "recvfrom", "sendto",  "recvfrom", "shutdown",    "setsockopt",
    "getsockopt", "sendmsg", "recvmsg",  "accept4", "recvmmsg", "sendmmsg"};

std::string name_of_call(Architecture architecture, long number,
                         const SystemCallArguments& arguments) {
  const auto row = std::ranges::find_if(table, [&](const Row& entry) {
    return number >= 0 && entry.numbers[static_cast<std::size_t>(architecture)] == number;
  });
  if (row == table.end()) return fmt::format("{}", number);
  if (row->name == "socketcall" && arguments[0] >= 1 && arguments[0] <= socket_calls.size()) {
    return std::string(socket_calls[arguments[0] - 1]);
  }
  return std::string(row->name);
}

// Linux include/uapi/linux/futex.h: FUTEX_WAIT 0, FUTEX_WAIT_BITSET 9; above them the flags
// FUTEX_PRIVATE_FLAG 128 and FUTEX_CLOCK_REALTIME 256.
constexpr std::uint64_t futex_flags = 0x180;

bool is_futex_wait(std::uint64_t operation) {
  const auto command = static_cast<std::uint32_t>(operation) & ~futex_flags;
  return command == 0 || command == 9;
}

/// FUTEX_LOCK_PI 6 and FUTEX_LOCK_PI2 13: a wait for a mutex with priority inheritance.
bool is_futex_lock(std::uint64_t operation) {
  const auto command = static_cast<std::uint32_t>(operation) & ~futex_flags;
  return command == 6 || command == 13;
}

/// The call that restart_syscall stands for. Only futex, poll, nanosleep and clock_nanosleep are
/// restarted through it (Linux kernel/futex/waitwake.c, fs/select.c, kernel/time/hrtimer.c).
std::string_view restarted(const SystemCallArguments& arguments) {
  constexpr std::uint64_t most_clocks = 64;
  constexpr std::uint64_t most_polled = 0x100000;  // RLIMIT_NOFILE's usual hard limit
  const auto first = arguments[0];
  const auto second = arguments[1];
  // The C libraries set one of the flags in all their waits, unlike poll's count of descriptors
  // and nanosleep's pointer; and only a wait with a timeout is restarted.
  if (is_futex_wait(second) && (second & futex_flags) != 0 && first >= most_clocks &&
      first % 4 == 0 && arguments[3] != 0) {
    return "futex";
  }
  // A clock's number; or no address at all, which is a poll of nothing and sleeps too.
  if (first < most_clocks) return "clock_nanosleep";
  return second == 0 || second > most_polled ? "nanosleep" : "poll";
}

/// Whether x86's register of a call's number can hold this: a number of the tables above, which end
/// far below 1,024; or outside a call -1, or minus the number of an interrupt
/// (arch/x86/entry/entry_64.S).
bool may_be_call(std::int64_t number) {
  constexpr std::int64_t most_calls = 1024, most_interrupts = 256;
  return number < most_calls && number >= -most_interrupts;
}

/// Whether a call of x86 has its result and is on its way out. Until then the register holds
/// -ENOSYS (arch/x86/entry/entry_64.S), -EINTR, one of -ERESTARTSYS to -ERESTART_RESTARTBLOCK
/// (include/linux/errno.h), or, under qemu-user, the number of the call.
bool leaves(const CallRegisters& registers) {
  if (!registers.result) return false;
  const auto result = *registers.result;
  const bool pending = result == -ENOSYS || result == -EINTR || (result <= -512 && result >= -517);
  return !pending && !(result > 0 && result == registers.number);
}

/// Whether a call can have this result: a value of user space, an address of it, or minus one of
/// the errors that programs see (Linux include/uapi/asm-generic/errno.h); a FUTEX_WAIT fewer
/// (kernel/futex/waitwake.c, futex_wait).
bool can_end(const SystemCall& call, Architecture architecture, std::int64_t result) {
  constexpr std::array<std::int64_t, 6> of_wait{0, -EAGAIN, -ETIMEDOUT, -EFAULT, -EINVAL, -ENOSYS};
  if (call.futex) return std::ranges::find(of_wait, result) != of_wait.end();
  constexpr std::int64_t last_error = EHWPOISON, most_errors = 4095;
  constexpr std::int64_t end_of_memory = std::int64_t{1} << 56;
  if (result >= 0) return result < end_of_memory;
  // Addresses above 2 GiB are negative there.
  if (word_size(architecture) == 4 && result < -most_errors) return true;
  return result >= -last_error;
}

/// What the registers of a thread of AArch64 show, whose x0 is first argument and result.
Known<std::optional<SystemCall>> aarch64_call(Memory& memory, Address counter, SystemCall call) {
  using Result = std::optional<SystemCall>;
  const auto first = static_cast<std::int64_t>(call.arguments[0]);
  const bool is_wait = call.futex.has_value();
  if (is_wait && first <= 0) {
    call.futex.reset();
    // The signal that ended the process has interrupted the wait: it lasted until then. Any other
    // such value is the result of a wait that is over.
    if (first != -EINTR) return Result();
  }
  constexpr std::uint32_t svc = 0xd4000001;
  const auto instruction = [&](Address at) -> std::uint32_t {
    try {
      return memory.value<std::uint32_t>(at);
    } catch (const FaultError&) {
      return 0;
    }
  };
  // A call that is to be restarted has the counter put back onto the svc (Linux
  // arch/arm64/kernel/signal.c, do_signal).
  const auto before = instruction(Address{counter.value() - 4});
  const auto next = instruction(counter);
  if (before == svc || next == svc || (is_wait && before == 0 && next == 0)) {
    return Result(std::move(call));
  }
  // gdb reads zeros where a core has left code out; 0 is no instruction that runs.
  if (before == 0 && next == 0) return Missing{"the code that the thread runs cannot be read"};
  return Result();
}

}  // namespace

SystemCall system_call(Architecture architecture, long number,
                       const SystemCallArguments& arguments) {
  SystemCall call;
  call.number = number;
  call.arguments = arguments;
  for (auto& argument : call.arguments) argument = to_word(argument, word_size(architecture));
  call.name = name_of_call(architecture, number, call.arguments);
  if (call.name == "restart_syscall") call.name = restarted(call.arguments);
  if (call.name == "futex" &&
      (is_futex_wait(call.arguments[1]) || is_futex_lock(call.arguments[1]))) {
    call.futex = Address{call.arguments[0]};
    call.timed = call.arguments[3] != 0;
  }
  return call;
}

Known<std::optional<SystemCall>> system_call_in_registers(Architecture architecture, Memory& memory,
                                                          const CallRegisters& registers) {
  using Result = std::optional<SystemCall>;
  if (architecture != Architecture::aarch64 && !may_be_call(registers.number)) {
    return Missing{"the number of its system call is none"};
  }
  if (registers.number < 0) return Result();
  auto call = system_call(architecture, static_cast<long>(registers.number), registers.arguments);
  if (architecture != Architecture::aarch64) {
    if (!leaves(registers)) {
      const bool waits = call.name != "futex" || call.futex;
      if (!waits) return Missing{"its futex operation is none that waits"};
      return Result(std::move(call));
    }
    if (!can_end(call, architecture, *registers.result)) {
      return Missing{"its system call has a result that none has"};
    }
    return Result();
  }
  return aarch64_call(memory, registers.counter, std::move(call));
}

}  // namespace importlock
