#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "elf/code_step.hpp"

namespace importlock {

namespace {

constexpr CodeState::Register frame_pointer = 5;

struct RegisterPart {
  CodeState::Register number = CodeState::register_count;
  unsigned width = 0;  ///< bytes
};

/// The general register that a register of Capstone's is a part of.
RegisterPart part_of(unsigned name) {
  struct Row {
    x86_reg wide, half, quarter, low;
  };
  // In the order of their encoding (Intel SDM volume 2, table 2-2).
  static constexpr std::array<Row, 16> rows{{
      {X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL},
      {X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL},
      {X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL},
      {X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL},
      {X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL},
      {X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL},
      {X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL},
      {X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL},
      {X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B},
      {X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B},
      {X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B},
      {X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B},
      {X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B},
      {X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B},
      {X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B},
      {X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B},
  }};
  for (CodeState::Register number = 0; number < rows.size(); ++number) {
    const auto& row = rows[number];
    if (name == row.wide) return {number, 8};
    if (name == row.half) return {number, 4};
    if (name == row.quarter) return {number, 2};
    if (name == row.low) return {number, 1};
  }
  static constexpr std::array high{X86_REG_AH, X86_REG_CH, X86_REG_DH, X86_REG_BH};
  const auto found = std::ranges::find(high, static_cast<x86_reg>(name));
  if (found == high.end()) return {};
  return {static_cast<CodeState::Register>(found - high.begin()), 1};
}

/// The register into which the code at `bytes` moves its return address, before it returns:
/// `mov (%esp),%reg; ret`, the thunk of i386 by which code finds where it is.
std::optional<CodeState::Register> thunk_register(std::span<const std::byte, 8> bytes) {
  const auto endbr32 = load<std::uint32_t>(bytes, 0) == 0xfb1e0ff3;
  const auto code = load<std::uint32_t>(bytes, endbr32 ? 4 : 0).value_or(0);
  if ((code & 0xffff'c7ff) != 0xc324'048b) return std::nullopt;
  return (code >> 11) & 7;
}

class X86Step {
 public:
  X86Step(csh decoder, const cs_insn& instruction, CodeState& state,
          std::vector<CodeAccess>& accesses, const CodeReader& elsewhere)
      : decoder_(decoder),
        instruction_(instruction),
        x86_(instruction.detail->x86),
        operands_(x86_.operands, x86_.op_count),
        state_(state),
        accesses_(accesses),
        elsewhere_(elsewhere) {}

  CodeFlow run() {
    switch (instruction_.id) {
      case X86_INS_MOV:
      case X86_INS_MOVABS:
        if (operands_.size() != 2) break;
        write(operands_[0], read(operands_[1]));
        return {};
      case X86_INS_LEA:
        if (operands_.size() != 2) break;
        write(operands_[0], address_of(operands_[1]));
        return {};
      case X86_INS_ADD:
      case X86_INS_SUB:
      case X86_INS_XOR:
      case X86_INS_AND:
      case X86_INS_OR:
        if (operands_.size() != 2) break;
        write(operands_[0], combined());
        return {};
      case X86_INS_PUSH:
        if (operands_.size() != 1) break;
        push(read(operands_[0]));
        return {};
      case X86_INS_POP:
        if (operands_.size() != 1) break;
        write(operands_[0], pop());
        return {};
      case X86_INS_LEAVE:
        state_.set(x86_stack_pointer, state_.get(frame_pointer));
        state_.set(frame_pointer, pop());
        return {};
      case X86_INS_CALL: call(); return {};
      case X86_INS_RET:
      case X86_INS_HLT:
      case X86_INS_UD2: return {false, std::nullopt};
      case X86_INS_JMP: return {false, target()};
      default: break;
    }
    if (capstone().insn_group(decoder_, &instruction_, X86_GRP_JUMP)) return {true, target()};
    forget_what_is_written();
    return {};
  }

 private:
  static std::uint64_t number_of(const cs_x86_op& operand) {
    return static_cast<std::uint64_t>(operand.imm);
  }

  std::optional<std::uint64_t> target() const {
    if (operands_.size() != 1 || operands_[0].type != X86_OP_IMM) return std::nullopt;
    return number_of(operands_[0]);
  }

  std::uint64_t next_address() const { return instruction_.address + instruction_.size; }

  CodeValue address_of(const cs_x86_op& operand) const {
    if (operand.type != X86_OP_MEM) return {};
    const auto& memory = operand.mem;
    // Thread-local storage, and the canary of the stack.
    if (memory.segment == X86_REG_FS || memory.segment == X86_REG_GS) return {};
    auto address = code_number(static_cast<std::uint64_t>(memory.disp));
    if (memory.base == X86_REG_RIP) {
      address = address + code_number(next_address());
    } else if (memory.base != X86_REG_INVALID) {
      address = address + state_.get(part_of(memory.base).number);
    }
    if (memory.index != X86_REG_INVALID) {
      const auto index = state_.get(part_of(memory.index).number);
      if (index.kind != CodeValue::Kind::number) return {};
      address = address + code_number(index.number * static_cast<std::uint64_t>(memory.scale));
    }
    if (state_.word() == 4) address.number &= 0xffff'ffff;
    return address;
  }

  CodeValue read(const cs_x86_op& operand) {
    if (operand.type == X86_OP_IMM) return code_number(number_of(operand));
    if (operand.type == X86_OP_MEM) {
      return load_value(state_, address_of(operand), operand.size, accesses_);
    }
    const auto part = part_of(operand.reg);
    auto value = state_.get(part.number);
    if (value.kind == CodeValue::Kind::number && part.width == 4) value.number &= 0xffff'ffff;
    return part.width >= 4 ? value : CodeValue{};
  }

  void write(const cs_x86_op& operand, CodeValue value) {
    if (operand.type == X86_OP_MEM) {
      store_value(state_, address_of(operand), operand.size, value, accesses_);
      return;
    }
    const auto part = part_of(operand.reg);
    // 32 bits clear the upper half of the register; less leaves the rest as it was.
    if (part.width < 4) value = {};
    if (part.width == 4 && state_.word() == 8) {
      if (value.kind == CodeValue::Kind::stack) value = {};
      value.number &= 0xffff'ffff;
    }
    state_.set(part.number, value);
  }

  /// The result of an addition or a bitwise operation. `and $0`, `or $-1` and `xor` with itself
  /// are how GCC and Clang write constants at -Os.
  CodeValue combined() {
    const auto& to = operands_[0];
    const auto& by = operands_[1];
    const bool same = to.type == X86_OP_REG && by.type == X86_OP_REG && to.reg == by.reg;
    if (same && (instruction_.id == X86_INS_XOR || instruction_.id == X86_INS_SUB)) {
      return code_number(0);
    }
    const auto amount = read(by);
    const auto all_ones = to.size < 8 ? (std::uint64_t{1} << (8 * to.size)) - 1 : ~std::uint64_t{};
    if (amount.kind == CodeValue::Kind::number) {
      // Capstone leaves an immediate of 32 bits as it is encoded, and one of 8 extended.
      const auto bits = amount.number & all_ones;
      if (instruction_.id == X86_INS_AND && bits == 0) return code_number(0);
      if (instruction_.id == X86_INS_OR && bits == all_ones) return code_number(all_ones);
    }
    const auto old = read(to);
    if (instruction_.id == X86_INS_ADD) return old + amount;
    if (instruction_.id == X86_INS_SUB && amount.kind == CodeValue::Kind::number) {
      return old + code_number(0 - amount.number);
    }
    return {};
  }

  void push(const CodeValue& value) {
    const auto top = state_.get(x86_stack_pointer) + code_number(0 - std::uint64_t{state_.word()});
    state_.set(x86_stack_pointer, top);
    store_value(state_, state_.get(x86_stack_pointer), state_.word(), value, accesses_);
  }

  CodeValue pop() {
    const auto top = state_.get(x86_stack_pointer);
    const auto value = load_value(state_, top, state_.word(), accesses_);
    state_.set(x86_stack_pointer, top + code_number(state_.word()));
    return value;
  }

  void call() {
    const auto callee = target();
    if (callee == next_address()) {  // `call 1f; 1: pop %reg`
      push(code_number(next_address()));
      return;
    }
    std::array<std::byte, 8> code{};
    if (state_.word() == 4 && callee && elsewhere_(LinkAddress{*callee}, code)) {
      if (const auto number = thunk_register(code)) {
        state_.set(*number, code_number(next_address()));
        return;
      }
    }
    constexpr CodeState::Register first_argument = 7;  // rdi
    if (const auto argument = state_.get(first_argument);
        state_.word() == 8 && argument.kind == CodeValue::Kind::number) {
      accesses_.push_back(
          {LinkAddress{argument.number}, 1, CodeAccess::Kind::argument, std::nullopt});
    }
    // What a callee need not preserve (System V ABI, i386 and AMD64).
    for (const CodeState::Register number : {0U, 1U, 2U}) state_.set(number, {});
    if (state_.word() == 4) return;
    for (const CodeState::Register number : {6U, 7U, 8U, 9U, 10U, 11U}) state_.set(number, {});
  }

  void forget_what_is_written() {
    for (const auto& operand : operands_) {
      if (operand.type != X86_OP_MEM) continue;
      const auto address = address_of(operand);
      if ((operand.access & CS_AC_WRITE) == 0 || (operand.access & CS_AC_READ) != 0) {
        static_cast<void>(load_value(state_, address, operand.size, accesses_));
      }
      if ((operand.access & CS_AC_WRITE) != 0) {
        store_value(state_, address, operand.size, {}, accesses_);
      }
    }
    cs_regs read_registers{};
    cs_regs written{};
    std::uint8_t read_count = 0;
    std::uint8_t written_count = 0;
    if (capstone().regs_access(decoder_, &instruction_, read_registers, &read_count, written,
                               &written_count) != CS_ERR_OK) {
      for (CodeState::Register i = 0; i < CodeState::register_count; ++i) state_.set(i, {});
      return;
    }
    for (std::uint8_t i = 0; i < written_count; ++i) state_.set(part_of(written[i]).number, {});
  }

  csh decoder_;
  const cs_insn& instruction_;
  const cs_x86& x86_;
  std::span<const cs_x86_op> operands_;
  CodeState& state_;
  std::vector<CodeAccess>& accesses_;
  const CodeReader& elsewhere_;
};

}  // namespace

CodeFlow step_x86(csh decoder, const cs_insn& instruction, CodeState& state,
                  std::vector<CodeAccess>& accesses, const CodeReader& elsewhere) {
  return X86Step(decoder, instruction, state, accesses, elsewhere).run();
}

}  // namespace importlock
