#include "target/native_lock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.hpp"
#include "target/image_file.hpp"

namespace importlock {

namespace {

using Kind = NativeLock::Kind;

// Linux include/uapi/linux/futex.h.
constexpr std::uint32_t wait = 0;
constexpr std::uint32_t private_flag = 128;
constexpr std::uint32_t clock_realtime = 256;
constexpr std::uint32_t tid_mask = 0x3fffffff;
constexpr std::uint32_t waiters_mark = 0x80000000;

constexpr std::uint32_t most_waiters = 1'000'000;

std::uint32_t command_of(const SystemCall& call) {
  return static_cast<std::uint32_t>(call.arguments[1]) & ~(private_flag | clock_realtime);
}

/// The value that the thread saw before it went to wait.
std::uint32_t seen_by(const SystemCall& call) {
  return static_cast<std::uint32_t>(call.arguments[2]);
}

bool is_private(const SystemCall& call) { return (call.arguments[1] & private_flag) != 0; }

Address before(Address address, std::uint64_t bytes) { return Address{address.value() - bytes}; }

constexpr std::uint64_t page = 4096;

/// `Number` words of 32 bits at `address`, around the word `futex`; zeros, which fit no lock, where
/// they reach into a page that is not there. Throws FaultError.
template <std::size_t Number>
std::array<std::uint32_t, Number> words_at(Memory& memory, Address address, Address futex) {
  std::array<std::uint32_t, Number> words{};
  if (memory.try_read(address, std::as_writable_bytes(std::span(words)))) return words;
  const auto last = address + (sizeof words - 1);
  const auto page_of = [](Address each) { return each.value() / page; };
  if (page_of(address) == page_of(futex) && page_of(last) == page_of(futex)) {
    throw FaultError(address, sizeof words);
  }
  return {};
}

}  // namespace

NativeLockReader::NativeLockReader(const Target& target, Memory& memory, ThreadMatcher& matcher)
    : target_(target), memory_(memory), matcher_(matcher) {
  for (const auto& thread : target.threads) {
    by_tid_.emplace(thread.namespace_lwp.value_or(thread.lwp), thread.lwp);
  }
  musl_ = std::ranges::any_of(target.mappings, [](const Mapping& mapping) {
    return mapping.path.find("/ld-musl-") != std::string::npos;
  });
}

NativeLock NativeLockReader::lock_of(const SystemCall& call) {
  NativeLock lock;
  lock.address = *call.futex;
  lock.shared = is_shared(call);
  if (musl_) {
    if (!is_mutex_of_musl(lock, call)) is_semaphore(lock, call);
  } else {
    // Those first whose memory says most.
    static_cast<void>(is_stream(lock, call) || is_mutex(lock, call) || is_semaphore(lock, call) ||
                      is_condition_variable(lock, call) || is_rwlock(lock, call) ||
                      is_barrier(lock, call) || is_once(lock, call));
  }
  lock.symbol = symbol_of(lock.address);
  return lock;
}

std::string NativeLockReader::doubt(const SystemCall& call) const {
  std::uint32_t word = 0;
  if (!memory_.try_read(*call.futex, std::as_writable_bytes(std::span(&word, 1)))) {
    return "the lock that it waits for cannot be read";
  }
  const Address time_out{call.arguments[3]};
  std::uint64_t seconds = 0;
  if (call.timed && !memory_.try_read(time_out, std::as_writable_bytes(std::span(&seconds, 1)))) {
    return "the time-out of its wait cannot be read";
  }
  // FUTEX_WAIT goes to wait only where the word is as it was seen (futex(2)); who changes it wakes
  // the thread.
  const bool waits = command_of(call) == wait || command_of(call) == 9;
  return waits && word != seen_by(call) ? "the lock that it waits for has changed since" : "";
}

void NativeLockReader::set_owner(NativeLock& lock, Lwp tid) const {
  const auto thread = by_tid_.find(tid);
  lock.owner_lives = thread != by_tid_.end();
  lock.owner = lock.owner_lives ? thread->second : tid;
}

bool NativeLockReader::is_stream(NativeLock& lock, const SystemCall& call) {
  // glibc sysdeps/nptl/stdio-lock.h: { int lock; int cnt; void* owner; }, owner is pthread_self().
  if (command_of(call) != wait || seen_by(call) != 2) return false;
  const auto words = words_at<4>(memory_, *call.futex, *call.futex);
  const bool wide = word_size(target_.architecture) == 8;
  const PthreadId owner{wide ? std::uint64_t{words[3]} << 32 | words[2] : words[2]};
  if (words[0] == 0 || words[1] == 0 || words[1] > most_waiters) return false;
  const auto* const thread = owner == PthreadId{} ? nullptr : matcher_.thread_of(owner);
  if (thread == nullptr) return false;
  lock.kind = Kind::stream;
  lock.owner = thread->lwp;
  return true;
}

bool NativeLockReader::is_mutex(NativeLock& lock, const SystemCall& call) const {
  // glibc sysdeps/nptl/bits/struct_mutex.h: { int __lock; unsigned __count; int __owner; …}, where
  // __nusers and __kind change places on i386. nptl/pthread_mutex_lock.c: a plain one is waited for
  // with 2 (nptl/lowlevellock.c), a robust one with its owner's id and FUTEX_WAITERS, one with
  // priority inheritance by FUTEX_LOCK_PI.
  const auto words = words_at<6>(memory_, *call.futex, *call.futex);
  const bool wide = word_size(target_.architecture) == 8;
  const auto kind = wide ? words[4] : words[3];
  const auto users = wide ? words[3] : words[4];
  // The type, robust, inherit, protect, shared, elision and no-elision (nptl/pthreadP.h).
  constexpr std::uint32_t kinds = 0x3f3;
  const bool inherits = command_of(call) != wait && command_of(call) != 9;
  const bool robust = (seen_by(call) & waiters_mark) != 0;
  if (!inherits && (command_of(call) != wait || (seen_by(call) != 2 && !robust))) return false;
  if (words[0] == 0 || (kind & ~kinds) != 0 || users > most_waiters) return false;
  const auto tid = static_cast<Lwp>(inherits || robust ? words[0] & tid_mask : words[2]);
  if (tid <= 0 || (!lives(tid) && users == 0 && !inherits)) return false;
  lock.kind = Kind::mutex;
  set_owner(lock, tid);
  return true;
}

bool NativeLockReader::is_mutex_of_musl(NativeLock& lock, const SystemCall& call) const {
  // musl src/internal/pthread_impl.h: { int _m_type; int _m_lock; int _m_waiters; …}; the lock of a
  // plain one is EBUSY and names no owner (src/thread/pthread_mutex_trylock.c).
  const auto words = words_at<3>(memory_, before(*call.futex, 4), *call.futex);
  constexpr std::uint32_t busy = 16, types = 0x8f;
  if (command_of(call) != wait || (seen_by(call) & waiters_mark) == 0 || words[2] == 0 ||
      words[2] > most_waiters || (words[0] & ~types) != 0 || words[1] == 0) {
    return false;
  }
  lock.kind = Kind::mutex;
  lock.address = before(*call.futex, 4);
  const auto tid = words[1] & tid_mask;
  if ((words[0] & 15) != 0 && tid != busy) set_owner(lock, static_cast<Lwp>(tid));
  return true;
}

bool NativeLockReader::is_semaphore(NativeLock& lock, const SystemCall& call) const {
  // glibc sysdeps/nptl/internaltypes.h, struct new_sem: on 64 bits { value, waiters, private }, on
  // 32 { value << 1 | has waiters, private, pad, waiters }. musl: { value, waiters, private }.
  const auto words = words_at<4>(memory_, *call.futex, *call.futex);
  const bool wide = word_size(target_.architecture) == 8;
  const bool packed = !wide && !musl_;
  const auto waiters = packed ? words[3] : words[1];
  const auto mark = packed ? words[1] : words[2];
  const auto taken = musl_ ? ~std::uint32_t{0} : packed ? std::uint32_t{1} : std::uint32_t{0};
  if (seen_by(call) != taken || words[0] != taken || waiters == 0 || waiters > most_waiters ||
      (mark != 0 && mark != private_flag)) {
    return false;
  }
  lock.kind = Kind::semaphore;
  return true;
}

bool NativeLockReader::is_condition_variable(NativeLock& lock, const SystemCall& call) const {
  // glibc 2.25 and later, sysdeps/nptl/bits/thread-shared-types.h, struct __pthread_cond_s: 48
  // bytes, of which the last 8 are __g_signals, waited on one group at a time; __wrefs at 36 counts
  // waiters above three bits of flags.
  for (const std::uint64_t group : {std::uint64_t{0}, std::uint64_t{1}}) {
    const auto base = before(*call.futex, 40 + 4 * group);
    const auto words = words_at<12>(memory_, base, *call.futex);
    const auto waiters = words[9] >> 3;
    if (command_of(call) != 9 || base.value() % 8 != 0 || waiters == 0 || waiters > most_waiters) {
      continue;
    }
    // __wseq, whose lowest bit is the group that new waiters join, has counted each waiter.
    const auto sequence = (std::uint64_t{words[1]} << 32 | words[0]) >> 1;
    const auto start = (std::uint64_t{words[3]} << 32 | words[2]) >> 1;
    if (sequence < waiters || start > sequence) continue;
    lock.kind = Kind::condition_variable;
    lock.address = base;
    return true;
  }
  return false;
}

bool NativeLockReader::is_rwlock(NativeLock& lock, const SystemCall& call) const {
  // glibc 2.25 and later, sysdeps/nptl/bits/struct_rwlock.h: __wrphase_futex at 8,
  // __writers_futex at 12, __cur_writer at 24 (28 on i386), __shared at 28 (25 on i386).
  constexpr std::uint32_t used = 2;  // nptl/pthread_rwlock_common.c, PTHREAD_RWLOCK_FUTEX_USED
  if (command_of(call) != 9 || (seen_by(call) != used && seen_by(call) != (used | 1))) return false;
  const bool wide = word_size(target_.architecture) == 8;
  for (const std::uint64_t offset : {std::uint64_t{8}, std::uint64_t{12}}) {
    const auto base = before(*call.futex, offset);
    const auto words = words_at<8>(memory_, base, *call.futex);
    const auto writer = wide ? words[6] : words[7];
    const bool of_readers = words[0] >= 8;  // readers are counted above three bits of flags
    if (words[2] > 3 || words[3] > 3 || words[4] != 0 || words[5] != 0) continue;
    if (writer == 0 ? !of_readers : !lives(static_cast<Lwp>(writer))) continue;
    lock.kind = Kind::rwlock;
    lock.address = base;
    if (writer != 0) set_owner(lock, static_cast<Lwp>(writer));
    return true;
  }
  return false;
}

bool NativeLockReader::is_barrier(NativeLock& lock, const SystemCall& call) const {
  // glibc 2.25 and later, nptl/pthreadP.h, struct pthread_barrier: { in, current_round, count,
  // shared, out }, waited for on current_round.
  const auto words = words_at<5>(memory_, before(*call.futex, 4), *call.futex);
  const auto inside = words[0] - words[1];
  if (command_of(call) != wait || words[1] != seen_by(call) || words[2] < 2 ||
      words[2] > most_waiters || (words[3] != 0 && words[3] != private_flag) || inside == 0 ||
      inside >= words[2]) {
    return false;
  }
  lock.kind = Kind::barrier;
  lock.address = before(*call.futex, 4);
  return true;
}

bool NativeLockReader::is_once(NativeLock& lock, const SystemCall& call) const {
  const auto word = words_at<1>(memory_, *call.futex, *call.futex)[0];
  if (command_of(call) != wait || word != seen_by(call)) return false;
  // libstdc++-v3/libsupc++/guard.cc: pending and waiting. nptl/pthread_once.c: in progress, with
  // the number of forks above; others wait for a 1 too, but not for one in a program's variables.
  constexpr std::uint32_t guard = 0x10100;
  const bool is_guard = word == guard && !is_private(call);
  const bool in_progress = (word & 3) == 1 && is_private(call);
  // .bss lies behind what is mapped of the file.
  constexpr std::uint64_t most_zeros = 1 << 20;
  const bool is_variable = std::ranges::any_of(target_.mappings, [&](const Mapping& mapping) {
    return *call.futex >= mapping.start &&
           *call.futex - mapping.start < mapping.end - mapping.start + most_zeros;
  });
  if (!is_guard && !(in_progress && is_variable)) return false;
  lock.kind = Kind::once;
  return true;
}

bool NativeLockReader::is_shared(const SystemCall& call) const {
  if (is_private(call)) return false;
  const auto mapping = std::ranges::find_if(target_.mappings, [&](const Mapping& part) {
    return *call.futex >= part.start && *call.futex < part.end;
  });
  if (mapping == target_.mappings.end()) return false;
  if (target_.info.kind != TargetKind::core) return mapping->shared;
  // A core does not tell; the private mappings of files are nearly all programs and libraries.
  return mapping->path != target_.info.executable && mapping->path.find(".so") == std::string::npos;
}

std::string NativeLockReader::symbol_of(Address address) {
  const auto [entry, fresh] = symbols_.try_emplace(address);
  if (!fresh) return entry->second;
  // The file whose mapping begins nearest before: .bss lies behind what is mapped of the file.
  const Mapping* nearest = nullptr;
  for (const auto& mapping : target_.mappings) {
    if (mapping.start <= address && (nearest == nullptr || nearest->start < mapping.start)) {
      nearest = &mapping;
    }
  }
  if (nearest == nullptr) return "";
  try {
    const auto image = open_image(target_, nearest->path);
    if (!image.file) return "";
    const LinkAddress link{address.value() - static_cast<std::uint64_t>(image.bias)};
    if (!image.file->holds_variable(link, 4)) return "";
    const auto name = image.file->variable_at(link);
    if (name.empty()) return "";
    const auto& path = nearest->path;
    entry->second = fmt::format("{} in {}", name, path.substr(path.rfind('/') + 1));
  } catch (const Error&) {
    // A file that cannot be read names nothing.
  }
  return entry->second;
}

}  // namespace importlock
