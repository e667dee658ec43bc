#include "target/pid_namespace.hpp"

#include "target/proc_file.hpp"

namespace importlock {

std::optional<Lwp> namespace_lwp(int pid, Lwp lwp) {
  // NSpid of proc_pid_status(5), Linux >= 4.1: from the reader's namespace to the innermost.
  const auto innermost = status_number(pid, lwp, "NSpid");
  return innermost ? std::optional(static_cast<Lwp>(*innermost)) : std::nullopt;
}

}  // namespace importlock
