#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/architecture.hpp"
#include "elf/elf_file.hpp"

namespace importlock {

/// One access of machine code to memory whose address the code itself fixes, or that address as the
/// first argument of a call (recorded on x86-64).
struct CodeAccess {
  enum class Kind : std::uint8_t { load, store, argument };
  LinkAddress address{};
  unsigned width = 0;  ///< bytes; of an argument 1
  Kind kind = Kind::load;
  std::optional<std::uint64_t> stored;  ///< the constant that is stored, cut to `width`
};

/// Fills the span with code at an address of the file; false where there is none.
using CodeReader = std::function<bool(LinkAddress, std::span<std::byte>)>;

/// The accesses of a function to its file's variables, in the order of the code. Follows constants
/// and addresses through registers and stack slots along the function's branches, not into callees.
/// Nothing where the code cannot be had, is longer than a function that is worth it, or holds an
/// instruction that cannot be decoded: what is not understood whole is not used.
std::optional<std::vector<CodeAccess>> variable_accesses(const ElfFile& file,
                                                         const Symbol& function);

/// The same for `code` at `start`, without regard to what lies at the addresses. `elsewhere` reads
/// the code of callees, to know the thunks that return their own return address.
std::optional<std::vector<CodeAccess>> code_accesses(Architecture architecture, LinkAddress start,
                                                     std::span<const std::byte> code,
                                                     const CodeReader& elsewhere);

}  // namespace importlock
