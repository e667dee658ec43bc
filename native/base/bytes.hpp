#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace importlock {

/// The little-endian value of type T at `offset`, or nothing where the span is too short. Every
/// target of ours (x86-64, i386, AArch64 Linux) is little-endian, and so is the host.
template <typename T>
requires std::is_trivially_copyable_v<T> std::optional<T> load(std::span<const std::byte> bytes,
                                                               std::uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

/// The unsigned word of 4 or 8 bytes, the same way.
inline std::optional<std::uint64_t> load_word(std::span<const std::byte> bytes,
                                              std::uint64_t offset, unsigned size) {
  if (size == 8) return load<std::uint64_t>(bytes, offset);
  return load<std::uint32_t>(bytes, offset);
}

}  // namespace importlock
