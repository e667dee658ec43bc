#include "target/permission.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <string_view>

#include "base/error.hpp"
#include "target/proc_file.hpp"

namespace importlock {

namespace {

template <typename T>
std::optional<T> number_in(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

template <typename Read>
std::string text_or_nothing(Read read) {
  try {
    return read();
  } catch (const FileError&) {
    return {};
  }
}

}  // namespace

AccessFacts access_facts(int pid) {
  AccessFacts facts;
  facts.our_user = ::geteuid();
  const auto theirs =
      text_or_nothing([&] { return read_proc_file(fmt::format("/proc/{}/status", pid)); });
  facts.their_user = number_in<unsigned>(status_field(theirs, "Uid")).value_or(facts.our_user);
  const auto ours = text_or_nothing([] { return read_proc_file("/proc/self/status"); });
  constexpr unsigned cap_sys_ptrace = 19;  // include/uapi/linux/capability.h
  const auto effective = number_in<std::uint64_t>(status_field(ours, "CapEff"), 16).value_or(0);
  facts.cap_sys_ptrace = ((effective >> cap_sys_ptrace) & 1) != 0;
  facts.yama = number_in<int>(
      text_or_nothing([] { return read_proc_file("/proc/sys/kernel/yama/ptrace_scope"); }));
  // The kernel gives the files of a process that is not dumpable to root (fs/proc/base.c,
  // task_dump_owner).
  struct stat status {};
  if (::stat(fmt::format("/proc/{}/environ", pid).c_str(), &status) == 0) {
    facts.dumpable = status.st_uid == facts.their_user;
  }
  std::error_code unknown;
  const auto our_namespace = std::filesystem::read_symlink("/proc/self/ns/user", unknown);
  const auto their_namespace =
      std::filesystem::read_symlink(fmt::format("/proc/{}/ns/user", pid), unknown);
  facts.same_user_namespace = unknown || our_namespace == their_namespace;
  return facts;
}

std::string why_denied(int pid, const AccessFacts& facts) {
  const auto denied = [&](std::string_view why) {
    return fmt::format("no permission to read process {}: {}", pid, why);
  };
  if (facts.yama == 3) {
    return denied(
        "kernel.yama.ptrace_scope is 3, which allows it to nobody until the machine is restarted; "
        "have the process write a core (kill -ABRT) and look at that");
  }
  if (facts.cap_sys_ptrace) {
    if (!facts.same_user_namespace) {
      return denied("it lives in another user namespace; run this on the host or in its container");
    }
    return denied(
        "though CAP_SYS_PTRACE is there, the system refuses it (seccomp, SELinux or AppArmor); "
        "look at the host's audit log, or run this outside the container");
  }
  if (facts.our_user == 0) {
    return denied(
        "root lacks CAP_SYS_PTRACE here, as in a container; start the container with "
        "--cap-add=SYS_PTRACE, or run this on the host");
  }
  if (facts.our_user != facts.their_user) {
    return denied(
        fmt::format("it belongs to user {}; run this as that user or with sudo", facts.their_user));
  }
  if (facts.yama == 2) {
    return denied(
        "kernel.yama.ptrace_scope is 2, which allows it with CAP_SYS_PTRACE only; run this with "
        "sudo");
  }
  if (!facts.dumpable) {
    return denied(
        "it is not dumpable, as after a change of its user or by prctl(PR_SET_DUMPABLE); run this "
        "with sudo");
  }
  if (facts.yama == 1) {
    return denied(
        "kernel.yama.ptrace_scope is 1, which allows it to the process's ancestors only; run this "
        "with sudo, or first: sudo sysctl kernel.yama.ptrace_scope=0");
  }
  return denied("CAP_SYS_PTRACE is missing; run this with sudo");
}

}  // namespace importlock
