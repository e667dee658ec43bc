#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "cpython/bytecode.hpp"

namespace importlock {

/// Where the instruction after an opcode of that kind can be.
enum class Flow : std::uint8_t {
  next,
  jump_forward,   ///< always
  jump_backward,  ///< always
  may_jump_forward,
  may_jump_backward,
  jump_absolute,  ///< always, to the offset that is its argument, as may_jump_absolute
  may_jump_absolute,
  handler,         ///< goes on; where an exception comes it jumps forward to a handler
  end_of_handler,  ///< goes on where the handler was not entered by an exception
  end,
};

/// How an opcode's argument changes the depth of the value stack beyond `effect`.
enum class ByArgument : std::uint8_t {
  none,
  adds,       ///< the argument
  subtracts,  ///< the argument
  subtracts_twice,
  low_bit_adds,
  low_bit_subtracts,
  slice,     ///< BUILD_SLICE: a third of three
  format,    ///< FORMAT_VALUE: one less with a format
  function,  ///< MAKE_FUNCTION: one less for each of four
  unpack,    ///< UNPACK_EX: those before and after the rest
};

/// An opcode of one version, by its number.
struct OpcodeRow {
  std::uint8_t number;
  Opcode meaning;
  std::uint8_t caches;  ///< units of inline cache after it
  std::int8_t effect;   ///< on the depth of the value stack where it goes on to the next
  ByArgument by_argument;
  Flow flow;
  std::int8_t jump_effect;  ///< on the same where it jumps
};

/// The opcodes of one version: what a compiler writes, and the specialised ones that replace these
/// in memory, each with the one that it stands for (_PyOpcode_Deopt).
struct OpcodeTable {
  std::uint8_t extended_arg;
  /// Below the arguments of a call lie what is called and then its object or NULL (since 3.13), or
  /// a method and its object, or NULL and what is called.
  bool callable_first;
  std::uint8_t jump_unit;  ///< bytes of code for each unit of a jump's argument
  std::span<const OpcodeRow> rows;
  std::span<const std::pair<std::uint8_t, std::uint8_t>> specialised;
  /// The lowest bits of IMPORT_NAME's argument that are flags: lazily or not, since 3.15.
  std::uint8_t import_flags = 0;
  /// What lies above the iterator of a FOR_ITER: since 3.15 an index or NULL.
  std::uint8_t above_iterator = 0;
};

}  // namespace importlock
