#pragma once

#include <optional>
#include <string>

namespace importlock {

/// What the kernel weighs when one process asks to read another (Linux kernel/ptrace.c,
/// __ptrace_may_access; security/yama/yama_lsm.c).
struct AccessFacts {
  unsigned our_user = 0;
  unsigned their_user = 0;
  bool cap_sys_ptrace = false;      ///< in our effective set
  std::optional<int> yama;          ///< kernel.yama.ptrace_scope; nothing where there is no Yama
  bool dumpable = true;             ///< theirs, as prctl(2) PR_SET_DUMPABLE has it
  bool same_user_namespace = true;  ///< as far as that can be told
};

/// The facts for live process `pid`.
AccessFacts access_facts(int pid);

/// One sentence for the user of a process that may not be read: which setting or capability is
/// missing, and what to do.
std::string why_denied(int pid, const AccessFacts& facts);

}  // namespace importlock
