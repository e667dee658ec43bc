#pragma once

#include <unordered_map>

#include "target/memory.hpp"
#include "target/target.hpp"
#include "target/thread_matcher.hpp"

namespace importlock {

/// Tells by its memory what lock a thread waits for whose futex no object of Python explains: the C
/// library lays its locks out in ways that differ from each other. Refers to its arguments, which
/// must outlive it.
class NativeLockReader {
 public:
  NativeLockReader(const Target& target, Memory& memory, ThreadMatcher& matcher);

  /// The lock behind the futex that `call` waits on, which it must have. Where its memory fits no
  /// lock that we know, or cannot be read, its kind is unknown.
  NativeLock lock_of(const SystemCall& call);
  /// Why the futex that `call` waits on cannot be what its thread saw, one clause; empty where it
  /// is.
  [[nodiscard]] std::string doubt(const SystemCall& call) const;

 private:
  /// The owner that a lock's memory names by its thread id.
  void set_owner(NativeLock& lock, Lwp tid) const;
  bool is_stream(NativeLock& lock, const SystemCall& call);
  bool is_mutex(NativeLock& lock, const SystemCall& call) const;
  bool is_mutex_of_musl(NativeLock& lock, const SystemCall& call) const;
  bool is_semaphore(NativeLock& lock, const SystemCall& call) const;
  bool is_condition_variable(NativeLock& lock, const SystemCall& call) const;
  bool is_rwlock(NativeLock& lock, const SystemCall& call) const;
  bool is_barrier(NativeLock& lock, const SystemCall& call) const;
  bool is_once(NativeLock& lock, const SystemCall& call) const;
  [[nodiscard]] bool lives(Lwp tid) const { return by_tid_.contains(tid); }
  /// The program's variable that `address` is a part of, with its file; empty where none is known.
  std::string symbol_of(Address address);
  [[nodiscard]] bool is_shared(const SystemCall& call) const;

  const Target& target_;
  Memory& memory_;
  ThreadMatcher& matcher_;
  bool musl_ = false;
  std::unordered_map<Lwp, Lwp> by_tid_;  ///< as the target itself numbers its threads: LWP
  std::unordered_map<Address, std::string> symbols_;
};

}  // namespace importlock
