#include "cpython/locks.hpp"

#include "base/error.hpp"

namespace importlock {

namespace {

std::uint64_t size_of_lock(LockKind kind, Architecture architecture) {
  if (kind == LockKind::py_mutex) return 1;
  // glibc's sem_t is four longs; musl's as large.
  if (kind == LockKind::semaphore) return architecture == Architecture::i386 ? 16 : 32;
  // struct pthread_lock: char locked, pthread_cond_t (48 bytes), pthread_mutex_t (glibc's
  // sysdeps/…/bits/pthreadtypes-arch.h: 40, 24 and 48 bytes).
  switch (architecture) {
    case Architecture::x86_64: return 96;
    case Architecture::i386: return 76;
    case Architecture::aarch64: return 104;
  }
  return 0;
}

/// Whether a sem_t that serves as a lock has the value 0. On 64 bits its first word is the value,
/// and on musl negative while threads wait. On 32 bits glibc >= 2.21 (nptl/sem_waitcommon.c) keeps
/// value << 1 | has_waiters there and counts the waiters in the fourth word, which no other layout
/// uses: that tells a held lock that is waited for from a free one of glibc < 2.21 or musl.
bool semaphore_locked(Memory& memory, Address address, Architecture architecture) {
  const auto word = memory.value<std::int32_t>(address);
  if (word <= 0) return true;
  if (word_size(architecture) == 8 || word != 1) return false;
  return memory.value<std::uint32_t>(address + 12) != 0;
}

}  // namespace

LockKind allocated_lock_kind(Memory& memory, Address address, Architecture architecture) {
  const auto word = word_size(architecture);
  if (address.value() < word) return LockKind::semaphore;
  try {
    const Address at{address.value() - word};
    const auto field = memory.word(at, word);
    // malloc/malloc.c, struct malloc_chunk: mchunk_size counts itself; its low three bits are
    // flags. What is left over of a larger chunk, too little for another, stays with it.
    const auto usable = (field & ~std::uint64_t{7}) - word;
    const auto needed = size_of_lock(LockKind::mutex_and_condition, architecture);
    constexpr std::uint64_t most_left_over = 48;
    return usable >= needed && usable <= needed + most_left_over ? LockKind::mutex_and_condition
                                                                 : LockKind::semaphore;
  } catch (const FaultError&) {
    return LockKind::semaphore;
  }
}

LockKind lock_kind_of(Memory& memory, const std::unordered_set<std::string_view>& imported,
                      Architecture architecture, std::initializer_list<Known<Address>> variables) {
  const bool semaphores = imported.contains(lock_functions[0]);
  const bool conditions = imported.contains(lock_functions[1]);
  if (semaphores != conditions) {
    return semaphores ? LockKind::semaphore : LockKind::mutex_and_condition;
  }
  // A program around the interpreter may call both, and one that is linked statically names none.
  for (const auto& variable : variables) {
    if (!variable) continue;
    try {
      const Address lock{memory.word(*variable, word_size(architecture))};
      if (!lock.is_null()) return allocated_lock_kind(memory, lock, architecture);
    } catch (const FaultError&) {
      // The other one may be there.
    }
  }
  return LockKind::semaphore;
}

LockFacts lock_facts(Memory& memory, Address address, LockKind kind, Architecture architecture) {
  LockFacts facts;
  facts.address = address;
  facts.size = size_of_lock(kind, architecture);
  if (address.is_null()) return facts;
  try {
    // pthread_lock begins with `char locked`; the lowest bit of a PyMutex is _Py_LOCKED.
    facts.locked = kind == LockKind::semaphore ? semaphore_locked(memory, address, architecture)
                                               : (memory.value<std::uint8_t>(address) & 1) != 0;
  } catch (const FaultError& error) {
    facts.locked = Missing{error.what()};
  }
  return facts;
}

bool looks_like_lock(Memory& memory, Address address, LockKind kind, Architecture architecture) {
  if (address.value() % word_size(architecture) != 0) return false;
  memory.bytes(address, size_of_lock(kind, architecture));
  if (kind == LockKind::mutex_and_condition) return memory.value<std::uint8_t>(address) <= 1;
  // musl's is -1 while threads wait; 32-bit glibc's is the value (at most 1) twice, and one more.
  const auto word = memory.value<std::int32_t>(address);
  return word >= -1 && word <= (architecture == Architecture::i386 ? 3 : 1);
}

}  // namespace importlock
