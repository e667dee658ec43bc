#pragma once

#include <optional>
#include <string>

namespace importlock {

/// What the kernel weighs when one process asks to read another (Linux kernel/ptrace.c,
/// __ptrace_may_access; security/yama/yama_lsm.c).
struct AccessFacts {
  unsigned our_user = 0;
  std::optional<unsigned> their_user;  ///< nothing where it is hidden
  bool cap_sys_ptrace = false;         ///< in our effective set
  std::optional<int> yama;             ///< kernel.yama.ptrace_scope; nothing where there is no Yama
  bool dumpable = true;                ///< theirs, as prctl(2) PR_SET_DUMPABLE has it
  bool seccomp = false;                ///< our system calls are filtered
  bool initial_user_namespace = true;  ///< ours is the host's own
  bool their_user_is_mapped = true;    ///< our user namespace has a number for it
  std::optional<bool> same_user_namespace;  ///< nothing where the kernel does not tell
};

/// The facts for live process `pid`.
AccessFacts access_facts(int pid);

/// Why the process of these facts may not be read, one clause: which setting or capability is
/// missing, and what to do.
std::string why_denied(const AccessFacts& facts);

/// What an error of the system that is no refusal says, one clause: what is lacking, and of whom.
std::string meaning_of(int error_number);

/// One sentence for the user on process `pid`, of which a file or the memory could not be read for
/// this error.
std::string why_not_read(int pid, int error_number);

}  // namespace importlock
