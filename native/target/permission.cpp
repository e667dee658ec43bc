#include "target/permission.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

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

/// Where the number of a user is shown that this user namespace has none for: user_namespaces(7),
/// "Unmapped user and group IDs".
unsigned overflow_user() {
  constexpr unsigned usual = 65534;
  return number_in<unsigned>(
             text_or_nothing([] { return read_proc_file("/proc/sys/kernel/overflowuid"); }))
      .value_or(usual);
}

}  // namespace

AccessFacts access_facts(int pid) {
  AccessFacts facts;
  facts.our_user = ::geteuid();
  const auto theirs =
      text_or_nothing([&] { return read_proc_file(fmt::format("/proc/{}/status", pid)); });
  facts.their_user = number_in<unsigned>(status_field(theirs, "Uid"));
  const auto ours = text_or_nothing([] { return read_proc_file("/proc/self/status"); });
  constexpr unsigned cap_sys_ptrace = 19;  // include/uapi/linux/capability.h
  const auto effective = number_in<std::uint64_t>(status_field(ours, "CapEff"), 16).value_or(0);
  facts.cap_sys_ptrace = ((effective >> cap_sys_ptrace) & 1) != 0;
  facts.seccomp = number_in<int>(status_field(ours, "Seccomp")).value_or(0) != 0;
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
  // include/linux/proc_ns.h, PROC_USER_INIT_INO: 0xEFFFFFFD.
  facts.initial_user_namespace = unknown || our_namespace == "user:[4026531837]";
  facts.their_user_is_mapped = facts.initial_user_namespace || facts.their_user != overflow_user();
  const auto their_namespace =
      std::filesystem::read_symlink(fmt::format("/proc/{}/ns/user", pid), unknown);
  if (!unknown) facts.same_user_namespace = our_namespace == their_namespace;
  return facts;
}

std::string why_denied(const AccessFacts& facts) {
  if (facts.yama == 3) {
    return "kernel.yama.ptrace_scope is 3, which allows it to nobody until the machine is "
           "restarted; have the process write a core (kill -ABRT) and look at that";
  }
  if (facts.same_user_namespace == false) {
    return "it lives in another user namespace; run this on the host or in its container";
  }
  // To tell its namespace takes no more than to read its files (PTRACE_MODE_READ).
  const bool may_be_outside = !facts.same_user_namespace && !facts.initial_user_namespace;
  if (may_be_outside && (facts.cap_sys_ptrace || !facts.their_user_is_mapped)) {
    return "it lives outside of this user namespace, in which alone our capabilities count; run "
           "this on the host or in its container";
  }
  if (facts.cap_sys_ptrace) {
    return fmt::format(
        "though CAP_SYS_PTRACE is there, the system refuses it ({}SELinux or AppArmor); look at "
        "the host's audit log, or run this outside the container",
        facts.seccomp ? "seccomp, " : "");
  }
  if (facts.our_user == 0) {
    return "root lacks CAP_SYS_PTRACE here, as in a container; start the container with "
           "--cap-add=SYS_PTRACE, or run this on the host";
  }
  if (!facts.their_user) return "it is hidden (/proc is mounted with hidepid); run this with sudo";
  if (facts.our_user != *facts.their_user) {
    return fmt::format("it belongs to user {}; run this as that user or with sudo",
                       *facts.their_user);
  }
  if (!facts.dumpable) {
    return "it is not dumpable, as after a change of its user or by prctl(PR_SET_DUMPABLE); run "
           "this with sudo";
  }
  if (may_be_outside) {
    return "it may live outside of this user namespace; run this on the host or in its container";
  }
  if (facts.yama == 2) {
    return "kernel.yama.ptrace_scope is 2, which allows it with CAP_SYS_PTRACE only; run this with "
           "sudo";
  }
  if (facts.yama == 1) {
    return "kernel.yama.ptrace_scope is 1, which allows it to the process's ancestors only; run "
           "this with sudo, or first: sudo sysctl kernel.yama.ptrace_scope=0";
  }
  return "CAP_SYS_PTRACE is missing; run this with sudo";
}

std::string meaning_of(int error_number) {
  switch (error_number) {
    case ENOMEM: return "there is not enough memory";
    case EMFILE: return "too many files are open in this program; raise its limit (ulimit -n)";
    case ENFILE: return "too many files are open on this machine; raise fs.file-max";
    default: return std::generic_category().message(error_number);
  }
}

std::string why_not_read(int pid, int error_number) {
  switch (error_number) {
    case EPERM:
    case EACCES:
      return fmt::format("no permission to read process {}: {}", pid,
                         why_denied(access_facts(pid)));
    case ENOSYS:
      return "this kernel has no process_vm_readv; use gdb, or let the process write a core";
    case ENOENT:
    case ESRCH: return fmt::format("process {} has ended", pid);
    default: return fmt::format("process {} cannot be read: {}", pid, meaning_of(error_number));
  }
}

}  // namespace importlock
