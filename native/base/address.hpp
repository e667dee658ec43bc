#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace importlock {

/// A place in the memory of the target, never in ours. Zero is the null pointer.
class Address {
 public:
  constexpr Address() = default;
  constexpr explicit Address(std::uint64_t value) : value_(value) {}

  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] constexpr bool is_null() const { return value_ == 0; }

  friend constexpr auto operator<=>(Address, Address) = default;
  /// Wraps at 2^64: the sum of a hostile pointer and an offset is then an address that faults.
  friend constexpr Address operator+(Address base, std::uint64_t offset) {
    return Address{base.value_ + offset};
  }
  friend constexpr std::uint64_t operator-(Address to, Address from) {
    return to.value_ - from.value_;
  }

 private:
  std::uint64_t value_ = 0;
};

/// The value of pthread_self() in a thread of the target: what CPython calls the thread's ident.
enum class PthreadId : std::uint64_t {};

/// A kernel thread id as the tools outside see it.
using Lwp = int;

/// "0x7f12…", as the report writes addresses and pthread ids.
std::string to_hex(std::uint64_t value);
inline std::string to_hex(Address address) { return to_hex(address.value()); }
inline std::string to_hex(PthreadId ident) { return to_hex(static_cast<std::uint64_t>(ident)); }

}  // namespace importlock

template <>
struct std::hash<importlock::Address> {
  std::size_t operator()(importlock::Address address) const noexcept {
    return std::hash<std::uint64_t>{}(address.value());
  }
};
