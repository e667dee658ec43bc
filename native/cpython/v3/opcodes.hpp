#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "cpython/bytecode.hpp"
#include "cpython/opcode_table.hpp"
#include "cpython/v3/exception_table.hpp"

namespace importlock::v3 {

/// The byte code of CPython 3.6 and later: units of an opcode and a byte of its argument,
/// since 3.11 with inline caches between them.
class Opcodes {
 public:
  explicit Opcodes(const OpcodeTable& table);

  /// Puts what the compiler wrote in the place of what the interpreter has specialised, and CACHE
  /// in that of each unit of inline cache, whose bytes look like any opcode.
  void undo_specialisation(std::span<std::byte> code) const;
  /// The instruction at `offset` of such code, with the EXTENDED_ARG before it; of those that are
  /// passed over, the one that follows. Nothing past the end.
  [[nodiscard]] std::optional<Instruction> instruction_at(std::span<const std::byte> code,
                                                          std::size_t offset) const;
  /// The offset of the instruction whose unit, or a unit of whose inline cache, is at `offset`.
  [[nodiscard]] static std::size_t start_of(std::span<const std::byte> code, std::size_t offset);
  /// How deep the value stack can be when the instruction at `offset` begins, by following every
  /// path of the code. One number, but where the code is damaged or never reached.
  /// Up to 3.8 several where a `finally` is reached both ways.
  [[nodiscard]] std::vector<int> depths_at(std::span<const std::byte> code,
                                           std::span<const ProtectedRange> ranges,
                                           std::size_t offset) const;

  /// Whether code can be of this version: all that can be reached in it is of opcodes that this
  /// has, ends with one that ends code, and finds the value stack as deep on every way to it and
  /// no deeper than `stack_size`.
  [[nodiscard]] bool fits(std::span<const std::byte> code, std::span<const ProtectedRange> ranges,
                          std::size_t stack_size) const;

 private:
  /// Follows every path of the code and calls `visit(offset, depth)` for each unit on it, with the
  /// depth of the value stack before it, until that returns false.
  template <typename Visit>
  void walk(std::span<const std::byte> code, std::span<const ProtectedRange> ranges,
            const Visit& visit) const;
  [[nodiscard]] const OpcodeRow& row(std::byte number) const {
    return rows_[std::to_integer<std::size_t>(number)];
  }

  std::uint8_t extended_arg_;
  std::size_t jump_unit_;
  unsigned import_flags_;
  std::array<OpcodeRow, 256> rows_{};
  std::array<std::uint8_t, 256> base_{};
};

}  // namespace importlock::v3
