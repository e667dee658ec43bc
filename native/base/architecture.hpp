#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace importlock {

/// The processors whose Linux programs we read; all are little-endian.
enum class Architecture { x86_64, i386, aarch64 };

/// As uname -m names it; "i386" for every 32-bit x86.
std::string_view name_of(Architecture architecture);

/// The architecture of an ELF file by its e_machine (EM_X86_64 …); nothing for any other.
std::optional<Architecture> architecture_of_machine(int machine);

/// Bytes of a pointer, a long and a size_t of C.
constexpr unsigned word_size(Architecture architecture) {
  return architecture == Architecture::i386 ? 4 : 8;
}

/// `value` cut to the target's word: a pthread id of i386 is negative as a signed long.
constexpr std::uint64_t to_word(std::uint64_t value, unsigned word) {
  return word == 4 ? value & 0xffff'ffff : value;
}

}  // namespace importlock
