#include "target/own_proc.hpp"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/error.hpp"
#include "target/permission.hpp"
#include "target/proc_file.hpp"

namespace importlock {

namespace {

constexpr std::string_view hidden =
    "is hidden from this user (/proc is mounted with hidepid); run this with sudo";

/// The options of the file system that is mounted on /proc last, " hidepid=2" among them: what
/// follows " - TYPE SOURCE" of a line of proc_pid_mountinfo(5), whose fifth field is the place.
std::string_view options_of_proc(std::string_view mounts) {
  std::string_view options;
  while (!mounts.empty()) {
    const auto line = mounts.substr(0, mounts.find('\n'));
    mounts.remove_prefix(std::min(line.size() + 1, mounts.size()));
    const auto more = line.find(" - proc ");
    if (more != line.npos && line.substr(0, more).find(" /proc ") != line.npos) {
      options = line.substr(line.rfind(' '));
    }
  }
  return options;
}

}  // namespace

void require_own_proc() {
  // A link to the reader's id in the pid namespace of /proc; none where it has none there
  // (fs/proc/self.c, proc_self_get_link).
  std::array<char, 32> text{};
  const auto length = ::readlink("/proc/self", text.data(), text.size());
  if (length < 0 && errno != ENOENT) throw FileError("/proc/self", errno);
  int id = 0;
  std::from_chars(text.data(), text.data() + std::max<ssize_t>(length, 0), id);
  if (id == ::getpid()) return;
  struct statfs status {};
  if (::statfs("/proc", &status) != 0 || status.f_type != PROC_SUPER_MAGIC) {
    throw TargetError(
        "/proc is not mounted, by which processes are read; mount it (mount -t proc proc /proc)");
  }
  throw TargetError(
      "/proc is that of another pid namespace, whose ids are not those of here; mount it anew "
      "(mount -t proc proc /proc), or run this where it belongs");
}

bool hides_processes() {
  const auto mounts = read_proc_file("/proc/self/mountinfo");
  const auto options = options_of_proc(mounts);
  const auto has = [&](std::string_view option) { return options.find(option) != options.npos; };
  // Numbers before Linux 5.8; `hidepid=1`, or `noaccess`, lists the processes all the same.
  const bool ptraceable = has("hidepid=4") || has("hidepid=ptraceable");
  if (!ptraceable && !has("hidepid=2") && !has("hidepid=invisible")) return false;
  // Of the mount's group nothing is hidden (fs/proc/base.c, has_pid_permissions).
  constexpr std::string_view group = ",gid=";
  gid_t members = 0;
  const auto at = options.find(group);
  if (at != options.npos) {
    const auto digits = options.substr(at + group.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), members);
  }
  const bool member = !ptraceable && ::group_member(members) != 0;
  return !member && !access_facts(::getpid()).cap_sys_ptrace;
}

std::string why_no_process(int pid, int error_number) {
  // It has the process's group told to everybody (kernel/sys.c, do_getpgid).
  const bool lives = ::getpgid(pid) >= 0 || errno != ESRCH;
  if (FileError::is_none(error_number) && !lives) return fmt::format("no process {}", pid);
  // fs/proc/base.c, proc_pid_permission: ENOENT where hidepid is 2, EPERM where it is 1.
  if (error_number == ENOENT || error_number == EPERM) {
    return fmt::format("process {} {}", pid, hidden);
  }
  return why_not_read(pid, error_number);
}

}  // namespace importlock
