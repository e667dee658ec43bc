#include "target/thread_matcher.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/error.hpp"

namespace importlock {

namespace {

/// Offsets of `tid` in `struct pthread` from pthread_self(): of glibc (nptl/descr.h, measured on
/// 2.31 and 2.36) and of musl (src/internal/pthread_impl.h, 1.2.3).
std::array<std::uint64_t, 2> tid_offsets(Architecture architecture) {
  switch (architecture) {
    case Architecture::x86_64: return {0x2d0, 0x30};
    case Architecture::i386: return {0x68, 0x18};
    case Architecture::aarch64: return {0xd0, 0x20};
  }
  return {};
}

/// `joinstate` there, of glibc 2.43 (measured on 2.43).
std::uint64_t joinstate_offset(Architecture architecture) {
  switch (architecture) {
    case Architecture::x86_64: return 0x628;
    case Architecture::i386: return 0x220;
    case Architecture::aarch64: return 0x428;
  }
  return 0;
}

/// What pthread_join waits on: `tid`, or since glibc 2.43 `joinstate`.
std::array<std::uint64_t, 3> end_offsets(Architecture architecture) {
  const auto [glibc, musl] = tid_offsets(architecture);
  return {glibc, musl, joinstate_offset(architecture)};
}

}  // namespace

std::vector<PthreadId> joined_at(Architecture architecture, Address futex) {
  std::vector<PthreadId> idents;
  for (const auto offset : end_offsets(architecture)) {
    idents.push_back(PthreadId{to_word(futex.value() - offset, word_size(architecture))});
  }
  return idents;
}

ThreadMatcher::ThreadMatcher(const Target& target, Memory& memory)
    : target_(target), memory_(memory) {
  for (const auto& thread : target.threads) {
    if (thread.ident) {
      by_ident_.emplace(*thread.ident, &thread);
    } else {
      by_lwp_.emplace(thread.namespace_lwp.value_or(thread.lwp), &thread);
    }
  }
}

const NativeThread* ThreadMatcher::thread_of(PthreadId ident) {
  const auto [entry, fresh] = by_ident_.try_emplace(ident, nullptr);
  if (fresh && !by_lwp_.empty()) entry->second = by_tid(ident);
  return entry->second;
}

std::optional<bool> ThreadMatcher::is_id(PthreadId ident) const {
  if (target_.architecture == Architecture::aarch64) return true;
  const auto size = word_size(target_.architecture);
  const Address at{static_cast<std::uint64_t>(ident)};
  std::uint64_t self = 0;
  const auto word = std::as_writable_bytes(std::span(&self, 1)).first(size);
  if (!memory_.try_read_alone(at, word)) return std::nullopt;
  return self == to_word(at.value(), size);
}

std::optional<Lwp> ThreadMatcher::misnamed() const {
  std::optional<Lwp> other;
  bool any = false;
  for (const auto& thread : target_.threads) {
    if (!thread.ident) continue;
    const auto offsets = tid_offsets(target_.architecture);
    const bool agrees = std::ranges::any_of(offsets, [&](std::uint64_t offset) {
      Lwp tid = 0;
      const Address at{static_cast<std::uint64_t>(*thread.ident) + offset};
      return memory_.try_read_alone(at, std::as_writable_bytes(std::span(&tid, 1))) &&
             tid == thread.namespace_lwp.value_or(thread.lwp);
    });
    any = any || agrees;
    if (!agrees) other = thread.lwp;
  }
  return any ? other : std::nullopt;
}

const NativeThread* ThreadMatcher::by_tid(PthreadId ident) {
  for (const auto offset : tid_offsets(target_.architecture)) {
    const Address at{
        to_word(static_cast<std::uint64_t>(ident) + offset, word_size(target_.architecture))};
    Lwp tid = 0;
    // Where it fails the thread has ended and its stack is gone.
    if (!memory_.try_read_alone(at, std::as_writable_bytes(std::span(&tid, 1)))) continue;
    const auto found = by_lwp_.find(tid);
    if (found != by_lwp_.end()) return found->second;
  }
  return nullptr;
}

}  // namespace importlock
