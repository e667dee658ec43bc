#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "target/memory.hpp"
#include "target/target.hpp"

namespace importlock {

/// The ids of the threads whose end pthread_join would wait for on `futex`: it waits on a
/// word in the `struct pthread` (glibc nptl/pthread_join_common.c) that the thread's end changes.
std::vector<PthreadId> joined_at(Architecture architecture, Address futex);

/// Finds the native thread of a pthread id: by the thread's register where the target gives it, and
/// otherwise by the tid that the C library keeps in the `struct pthread` at that id. Refers to its
/// arguments, which must outlive it.
class ThreadMatcher {
 public:
  ThreadMatcher(const Target& target, Memory& memory);

  /// Null where no thread of the target has this id.
  const NativeThread* thread_of(PthreadId ident);

  /// Whether what lies at that id is, or was, a thread's: glibc (x86_64/nptl/tls.h, tcbhead_t) and
  /// musl (pthread_impl.h) begin a thread's block with a pointer to it. Nothing where its memory is
  /// gone. On AArch64, which has no such pointer, it is true.
  [[nodiscard]] std::optional<bool> is_id(PthreadId ident) const;

  /// A thread whose own memory gives it another tid than the target, where that of others agrees.
  [[nodiscard]] std::optional<Lwp> misnamed() const;

 private:
  const NativeThread* by_tid(PthreadId ident);

  const Target& target_;
  Memory& memory_;
  std::unordered_map<PthreadId, const NativeThread*> by_ident_;
  std::unordered_map<Lwp, const NativeThread*> by_lwp_;  ///< as the target itself numbers them
};

}  // namespace importlock
