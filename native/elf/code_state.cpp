#include "elf/code_state.hpp"

namespace importlock {

namespace {

constexpr std::size_t most_slots = 256;

}  // namespace

CodeValue operator+(const CodeValue& a, const CodeValue& b) {
  using Kind = CodeValue::Kind;
  if (a.kind == Kind::unknown || b.kind == Kind::unknown) return {};
  if (a.kind == Kind::stack && b.kind == Kind::stack) return {};
  const auto kind = a.kind == Kind::stack || b.kind == Kind::stack ? Kind::stack : Kind::number;
  return {kind, a.number + b.number};
}

CodeState::CodeState(unsigned word, Register stack_pointer) : word_(word) {
  set(stack_pointer, {CodeValue::Kind::stack, 0});
}

CodeValue CodeState::get(Register number) const {
  return number < registers_.size() ? registers_[number] : CodeValue{};
}

void CodeState::set(Register number, const CodeValue& value) {
  if (number >= registers_.size()) return;
  registers_[number] = value;
  if (word_ == 4) registers_[number].number &= 0xffff'ffff;
}

CodeValue CodeState::stack_slot(std::uint64_t place, unsigned width) const {
  const auto slot = slots_.find(place);
  return slot != slots_.end() && slot->second.width == width ? slot->second.value : CodeValue{};
}

void CodeState::set_stack_slot(std::uint64_t place, unsigned width, const CodeValue& value) {
  // A slot is at most 16 bytes wide, so only these neighbours can overlap.
  constexpr std::uint64_t widest = 16;
  for (std::uint64_t below = 1; below < widest; ++below) {
    const auto slot = slots_.find(place - below);
    if (slot != slots_.end() && slot->second.width > below) slots_.erase(slot);
  }
  for (std::uint64_t above = 0; above < width && above < widest; ++above) {
    slots_.erase(place + above);
  }
  if (value.kind == CodeValue::Kind::unknown || slots_.size() >= most_slots) return;
  slots_[place] = {width, value};
}

bool CodeState::meet(const CodeState& other) {
  bool less = false;
  for (std::size_t i = 0; i < registers_.size(); ++i) {
    if (registers_[i] == other.registers_[i] || registers_[i] == CodeValue{}) continue;
    registers_[i] = {};
    less = true;
  }
  const auto erased = std::erase_if(slots_, [&](const auto& slot) {
    const auto same = other.slots_.find(slot.first);
    return same == other.slots_.end() || same->second != slot.second;
  });
  return less || erased > 0;
}

}  // namespace importlock
