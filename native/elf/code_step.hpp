#pragma once

#include <optional>
#include <vector>

#include "elf/capstone.hpp"
#include "elf/code_accesses.hpp"
#include "elf/code_state.hpp"

namespace importlock {

/// Where control goes after an instruction.
struct CodeFlow {
  bool falls_through = true;
  std::optional<std::uint64_t> branch;  ///< target of a direct jump, conditional or not
};

/// The numbers of the stack pointers in CodeState.
constexpr CodeState::Register x86_stack_pointer = 4;
constexpr CodeState::Register aarch64_stack_pointer = 31;

/// Does to `state` what one instruction does, and adds its accesses to fixed addresses to
/// `accesses`. `instruction` has its details, which `decoder` made.
CodeFlow step_x86(csh decoder, const cs_insn& instruction, CodeState& state,
                  std::vector<CodeAccess>& accesses, const CodeReader& elsewhere);
CodeFlow step_aarch64(csh decoder, const cs_insn& instruction, CodeState& state,
                      std::vector<CodeAccess>& accesses);

/// A load: what is known of the `width` bytes at `address`. Recorded where the address is a number.
CodeValue load_value(const CodeState& state, const CodeValue& address, unsigned width,
                     std::vector<CodeAccess>& accesses);
/// A store.
void store_value(CodeState& state, const CodeValue& address, unsigned width, const CodeValue& value,
                 std::vector<CodeAccess>& accesses);

}  // namespace importlock
