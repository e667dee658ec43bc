#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "cpython/bytecode.hpp"

namespace importlock::v2 {

/// What the opcode of that number is to us (Include/opcode.h, 2.7).
Opcode opcode(unsigned number);

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

}  // namespace importlock::v2
