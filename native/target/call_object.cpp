#include "target/call_object.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <string_view>

#include "base/error.hpp"

namespace importlock {

namespace {

// By the names of target/system_call.cpp: those that work on a descriptor, their first argument,
// and those that take a path first or second.
constexpr std::array<std::string_view, 22> on_descriptor{
    "read",      "write",      "pread64",     "pwrite64",  "readv",   "writev",
    "accept",    "accept4",    "connect",     "recvfrom",  "recvmsg", "recvmmsg",
    "sendto",    "sendmsg",    "ioctl",       "fcntl",     "flock",   "fsync",
    "fdatasync", "epoll_wait", "epoll_pwait", "getdents64"};
constexpr std::array<std::string_view, 5> on_path{"open", "stat", "lstat", "access", "readlink"};
constexpr std::array<std::string_view, 5> on_path_at{"openat", "openat2", "newfstatat", "faccessat",
                                                     "statx"};
constexpr std::array<std::string_view, 2> on_poll{"poll", "ppoll"};

bool among(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string descriptor(const Target& target, std::int64_t number) {
  if (number < 0) return "";
  if (target.info.kind == TargetKind::process && target.files.live_pid) {
    std::error_code error;
    const auto path = std::filesystem::read_symlink(
        fmt::format("/proc/{}/fd/{}", *target.files.live_pid, number), error);
    if (!error) return path.string();
  }
  return fmt::format("descriptor {}", number);
}

std::string path_at(Memory& memory, std::uint64_t address) {
  constexpr std::size_t longest = 4096;  // PATH_MAX, include/uapi/linux/limits.h
  std::string path;
  while (path.size() < longest) {
    const auto byte = memory.value<char>(Address{address} + path.size());
    if (byte == '\0') break;
    path += byte;
  }
  return path;
}

/// The descriptors of an array of struct pollfd (include/uapi/asm-generic/poll.h).
std::string polled(const Target& target, Memory& memory, std::uint64_t array,
                   std::uint64_t number) {
  constexpr std::uint64_t most_shown = 3;
  constexpr std::uint64_t size = 8;
  std::string result;
  for (std::uint64_t i = 0; i < std::min(number, most_shown); ++i) {
    const auto entry = memory.value<std::int32_t>(Address{array} + i * size);
    result += (result.empty() ? "" : ", ") + descriptor(target, entry);
  }
  return number > most_shown ? fmt::format("{} and {} more", result, number - most_shown) : result;
}

}  // namespace

std::string call_object(const Target& target, Memory& memory, const SystemCall& call) {
  const auto argument = [&](std::size_t i) {
    return i < call.arguments.size() ? call.arguments[i] : 0;
  };
  const auto as_int = [&](std::size_t i) { return static_cast<std::int32_t>(argument(i)); };
  try {
    if (among(on_descriptor, call.name)) return descriptor(target, as_int(0));
    if (among(on_path, call.name)) return path_at(memory, argument(0));
    if (among(on_path_at, call.name)) return path_at(memory, argument(1));
    if (among(on_poll, call.name)) return polled(target, memory, argument(0), argument(1));
    if (call.name == "wait4") {
      return as_int(0) > 0 ? fmt::format("process {}", as_int(0)) : "a child process";
    }
  } catch (const FaultError&) {
    // An argument that is no longer in memory names nothing.
  }
  return "";
}

std::optional<double> call_time_out(const Target& target, Memory& memory, const SystemCall& call) {
  const auto argument = [&](std::size_t i) { return call.arguments[i]; };
  /// struct timespec, or timeval where `parts` is a million: two longs.
  const auto pair_at = [&](std::uint64_t address, double parts) -> std::optional<double> {
    if (address == 0) return std::nullopt;
    const auto word = word_size(target.architecture);
    const auto field = [&](Address at) {
      return word == 8 ? static_cast<double>(memory.value<std::int64_t>(at))
                       : static_cast<double>(memory.value<std::int32_t>(at));
    };
    const auto seconds = field(Address{address}) + field(Address{address} + word) / parts;
    return seconds >= 0 ? std::optional(seconds) : std::nullopt;
  };
  constexpr double nano = 1e9, micro = 1e6;
  const auto until = [&](std::optional<double> moment, clockid_t clock) -> std::optional<double> {
    timespec now{};
    if (!moment || target.info.kind != TargetKind::process) return std::nullopt;
    if (::clock_gettime(clock, &now) != 0) return std::nullopt;
    return std::max(
        *moment - static_cast<double>(now.tv_sec) - static_cast<double>(now.tv_nsec) / nano, 0.0);
  };
  const auto milliseconds = [&](std::size_t i) -> std::optional<double> {
    const auto number = static_cast<std::int32_t>(argument(i));
    return number >= 0 ? std::optional(number / 1e3) : std::nullopt;
  };
  try {
    if (call.futex) {
      // include/uapi/linux/futex.h: FUTEX_WAIT's is relative, all others' are absolute.
      constexpr std::uint64_t command = 0x7f, realtime = 0x100;
      const auto time = pair_at(argument(3), nano);
      if ((argument(1) & command) == 0) return time;
      return until(time, (argument(1) & realtime) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC);
    }
    if (call.name == "select") return pair_at(argument(4), micro);
    if (call.name == "pselect6") return pair_at(argument(4), nano);
    if (call.name == "poll") return milliseconds(2);
    if (call.name == "ppoll") return pair_at(argument(2), nano);
    if (call.name == "epoll_wait" || call.name == "epoll_pwait") return milliseconds(3);
    if (call.name == "nanosleep") return pair_at(argument(0), nano);
    if (call.name == "clock_nanosleep") {
      const auto time = pair_at(argument(2), nano);
      return argument(1) == 0 ? time : until(time, static_cast<clockid_t>(argument(0)));
    }
  } catch (const FaultError&) {
    // An argument that is no longer in memory tells nothing.
  }
  return std::nullopt;
}

}  // namespace importlock
