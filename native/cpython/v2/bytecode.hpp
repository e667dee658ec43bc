#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace importlock {

/// The opcodes that we look at by name (Include/opcode.h, 2.7).
enum class Opcode : std::uint8_t {
  exec_statement = 85,
  end_finally = 88,
  load_name = 101,
  load_attr = 106,
  import_name = 108,
  load_global = 116,
  setup_finally = 122,
  load_fast = 124,
  call_function = 131,
  load_deref = 136,
  call_function_var = 140,
  call_function_kw = 141,
  call_function_var_kw = 142,
  setup_with = 143,
};

struct Instruction {
  Opcode opcode{};
  std::uint32_t argument = 0;  ///< EXTENDED_ARG folded in
  std::size_t next = 0;        ///< offset of the instruction after it
};

/// The instruction at `offset`, with the EXTENDED_ARG before it taken along where `offset` is at
/// that, as f_lasti is. Nothing past the end of the code.
std::optional<Instruction> instruction_at(std::span<const std::byte> code, std::size_t offset);

/// How many values can lie on the value stack when the instruction at `offset` begins, by following
/// every path of the code (Python/compile.c opcode_stack_effect, Python/ceval.c). Nearly always one
/// number; several where paths differ, as in a `finally` reached both ways; none for dead code.
std::vector<int> stack_depths_at(std::span<const std::byte> code, std::size_t offset);

/// The number of values that a CALL_FUNCTION-like instruction finds above the function it calls;
/// nothing for any other instruction.
std::optional<int> values_above_callee(const Instruction& instruction);

}  // namespace importlock
