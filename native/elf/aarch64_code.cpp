#include <algorithm>
#include <array>

#include "elf/code_step.hpp"

namespace importlock {

namespace {

constexpr CodeState::Register link_register = 30;

struct RegisterPart {
  CodeState::Register number = CodeState::register_count;
  unsigned width = 0;  ///< bytes
  bool zero = false;   ///< reads as 0 and forgets what is written
};

RegisterPart part_of(unsigned name) {
  const auto in = [name](unsigned first, unsigned last) { return name >= first && name <= last; };
  if (in(ARM64_REG_X0, ARM64_REG_X28)) return {name - ARM64_REG_X0, 8, false};
  if (in(ARM64_REG_W0, ARM64_REG_W30)) return {name - ARM64_REG_W0, 4, false};
  if (name == ARM64_REG_X29) return {29, 8, false};
  if (name == ARM64_REG_X30) return {link_register, 8, false};
  if (name == ARM64_REG_SP) return {aarch64_stack_pointer, 8, false};
  if (name == ARM64_REG_WSP) return {aarch64_stack_pointer, 4, false};
  if (name == ARM64_REG_XZR) return {CodeState::register_count, 8, true};
  if (name == ARM64_REG_WZR) return {CodeState::register_count, 4, true};
  // The parts of the vector registers, which hold nothing that we follow.
  if (in(ARM64_REG_B0, ARM64_REG_B31)) return {CodeState::register_count, 1, false};
  if (in(ARM64_REG_H0, ARM64_REG_H31)) return {CodeState::register_count, 2, false};
  if (in(ARM64_REG_S0, ARM64_REG_S31)) return {CodeState::register_count, 4, false};
  if (in(ARM64_REG_D0, ARM64_REG_D31)) return {CodeState::register_count, 8, false};
  if (in(ARM64_REG_Q0, ARM64_REG_Q31)) return {CodeState::register_count, 16, false};
  return {};
}

class Aarch64Step {
 public:
  Aarch64Step(csh decoder, const cs_insn& instruction, CodeState& state,
              std::vector<CodeAccess>& accesses)
      : decoder_(decoder),
        instruction_(instruction),
        arm64_(instruction.detail->arm64),
        operands_(arm64_.operands, arm64_.op_count),
        state_(state),
        accesses_(accesses) {}

  CodeFlow run() {
    switch (instruction_.id) {
      case ARM64_INS_ADRP:
      case ARM64_INS_ADR:
      case ARM64_INS_MOV:
      case ARM64_INS_MOVZ:
        if (operands_.size() != 2) break;
        write(operands_[0], read(operands_[1]));
        return {};
      case ARM64_INS_MOVN:
        if (operands_.size() != 2) break;
        write(operands_[0], inverted(read(operands_[1])));
        return {};
      case ARM64_INS_MOVK: insert(); return {};
      case ARM64_INS_ADD:
        if (operands_.size() != 3) break;
        write(operands_[0], read(operands_[1]) + read(operands_[2]));
        return {};
      case ARM64_INS_SUB: {
        if (operands_.size() != 3) break;
        const auto amount = read(operands_[2]);
        if (amount.kind != CodeValue::Kind::number) break;
        write(operands_[0], read(operands_[1]) + code_number(0 - amount.number));
        return {};
      }
      case ARM64_INS_LDR:
      case ARM64_INS_LDUR:
      case ARM64_INS_LDP:
        if (transfer(true)) return {};
        break;
      case ARM64_INS_STR:
      case ARM64_INS_STUR:
      case ARM64_INS_STP:
        if (transfer(false)) return {};
        break;
      case ARM64_INS_B:
        return {arm64_.cc != ARM64_CC_INVALID && arm64_.cc != ARM64_CC_AL, last_immediate()};
      case ARM64_INS_CBZ:
      case ARM64_INS_CBNZ:
      case ARM64_INS_TBZ:
      case ARM64_INS_TBNZ: return {true, last_immediate()};
      case ARM64_INS_BR:
      case ARM64_INS_BRK:
      case ARM64_INS_RET: return {false, std::nullopt};
      case ARM64_INS_BL:
      case ARM64_INS_BLR:
        // What a callee need not preserve (AAPCS64, section 6.1.1).
        for (CodeState::Register number = 0; number <= 18; ++number) state_.set(number, {});
        state_.set(link_register, {});
        return {};
      default: break;
    }
    forget_what_is_written();
    return {};
  }

 private:
  std::optional<std::uint64_t> last_immediate() const {
    if (operands_.empty() || operands_.back().type != ARM64_OP_IMM) return std::nullopt;
    return static_cast<std::uint64_t>(operands_.back().imm);
  }

  CodeValue read(const cs_arm64_op& operand) const {
    if (operand.type == ARM64_OP_IMM) {
      const auto number = static_cast<std::uint64_t>(operand.imm);
      if (operand.shift.type == ARM64_SFT_INVALID) return code_number(number);
      if (operand.shift.type == ARM64_SFT_LSL && operand.shift.value < 64) {
        return code_number(number << operand.shift.value);
      }
      return {};
    }
    if (operand.type != ARM64_OP_REG || operand.shift.type != ARM64_SFT_INVALID ||
        operand.ext != ARM64_EXT_INVALID) {
      return {};
    }
    return register_value(operand.reg);
  }

  CodeValue register_value(unsigned name) const {
    const auto part = part_of(name);
    if (part.zero) return code_number(0);
    auto value = state_.get(part.number);
    if (part.width == 4 && value.kind == CodeValue::Kind::number) value.number &= 0xffff'ffff;
    return value;
  }

  static CodeValue inverted(CodeValue value) {
    if (value.kind != CodeValue::Kind::number) return {};
    return code_number(~value.number);
  }

  void write(const cs_arm64_op& operand, CodeValue value) {
    if (operand.type != ARM64_OP_REG) return;
    const auto part = part_of(operand.reg);
    if (part.width < 4) value = {};
    if (part.width == 4) {
      if (value.kind == CodeValue::Kind::stack) value = {};
      value.number &= 0xffff'ffff;
    }
    state_.set(part.number, value);
  }

  /// movk: sixteen bits of the register.
  void insert() {
    if (operands_.size() != 2 || operands_[0].type != ARM64_OP_REG) return;
    const auto& bits = operands_[1];
    const auto old = register_value(operands_[0].reg);
    const auto shift = bits.shift.type == ARM64_SFT_LSL ? bits.shift.value : 0;
    if (old.kind != CodeValue::Kind::number || bits.type != ARM64_OP_IMM || shift > 48) {
      write(operands_[0], {});
      return;
    }
    const auto mask = std::uint64_t{0xffff} << shift;
    const auto inserted = (static_cast<std::uint64_t>(bits.imm) << shift) & mask;
    write(operands_[0], code_number((old.number & ~mask) | inserted));
  }

  CodeValue address_of(const cs_arm64_op& operand) const {
    const auto& memory = operand.mem;
    if (memory.index != ARM64_REG_INVALID) return {};
    return register_value(memory.base) +
           code_number(static_cast<std::uint64_t>(std::int64_t{memory.disp}));
  }

  /// Loads and stores of one or two whole registers, with what they do to the base register.
  bool transfer(bool is_load) {
    const auto memory = std::ranges::find(operands_, ARM64_OP_MEM, &cs_arm64_op::type);
    if (memory == operands_.end()) return false;
    const auto registers = operands_.first(static_cast<std::size_t>(memory - operands_.begin()));
    auto address = address_of(*memory);
    const auto base = part_of(memory->mem.base).number;
    auto new_base = address;
    if (const auto after = last_immediate()) new_base = new_base + code_number(*after);
    std::array<CodeValue, 2> loaded{};
    for (std::size_t i = 0; i < registers.size() && i < loaded.size(); ++i) {
      const auto width = part_of(registers[i].reg).width;
      if (is_load) {
        loaded[i] = load_value(state_, address, width, accesses_);
      } else {
        store_value(state_, address, width, register_value(registers[i].reg), accesses_);
      }
      address = address + code_number(width);
    }
    if (is_load) {
      for (std::size_t i = 0; i < registers.size() && i < loaded.size(); ++i) {
        write(registers[i], loaded[i]);
      }
    }
    if (arm64_.writeback) state_.set(base, new_base);
    return true;
  }

  void forget_what_is_written() {
    for (const auto& operand : operands_) {
      if (operand.type != ARM64_OP_MEM) continue;
      // The width is in the instruction's name: a byte is the least that it can be.
      if ((operand.access & CS_AC_WRITE) != 0) {
        store_value(state_, address_of(operand), 1, {}, accesses_);
      } else {
        static_cast<void>(load_value(state_, address_of(operand), 1, accesses_));
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
  const cs_arm64& arm64_;
  std::span<const cs_arm64_op> operands_;
  CodeState& state_;
  std::vector<CodeAccess>& accesses_;
};

}  // namespace

CodeFlow step_aarch64(csh decoder, const cs_insn& instruction, CodeState& state,
                      std::vector<CodeAccess>& accesses) {
  return Aarch64Step(decoder, instruction, state, accesses).run();
}

}  // namespace importlock
