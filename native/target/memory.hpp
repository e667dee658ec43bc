#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"

namespace importlock {

/// The memory of a target; the one virtual interface of the library.
class Memory {
 public:
  virtual ~Memory() = default;
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  /// Fills `into` wholly from `address` on; false where a part of that could not be read, and
  /// `into` may then hold anything. Throws LimitError where a bound on all that is read is reached.
  [[nodiscard]] virtual bool try_read(Address address, std::span<std::byte> into) = 0;

  /// The same for bytes whose neighbours will not be asked for, so that they need not be fetched.
  [[nodiscard]] virtual bool try_read_alone(Address address, std::span<std::byte> into) {
    return try_read(address, into);
  }

  /// As try_read, but throws FaultError with the range asked for.
  void read(Address address, std::span<std::byte> into) {
    if (!try_read(address, into)) throw FaultError(address, into.size());
  }

  /// `size` bytes at `address`. Throws FaultError.
  std::vector<std::byte> bytes(Address address, std::size_t size);

  /// The value of type T at `address`. Throws FaultError.
  template <typename T>
  T value(Address address) {
    T result;
    read(address, std::as_writable_bytes(std::span<T, 1>(&result, 1)));
    return result;
  }

  /// The unsigned word of 4 or 8 bytes at `address`. Throws FaultError.
  std::uint64_t word(Address address, unsigned size) {
    return size == 8 ? value<std::uint64_t>(address) : value<std::uint32_t>(address);
  }
};

}  // namespace importlock
