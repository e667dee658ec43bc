#include "cpython/v3/opcodes.hpp"

#include <algorithm>
#include <bit>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace importlock::v3 {

namespace {

constexpr std::size_t unit = 2;
constexpr std::byte cache{0};  // CACHE, in every version that has one
constexpr std::size_t most_states = 1 << 16;

std::uint32_t argument_byte(std::span<const std::byte> code, std::size_t offset) {
  return std::to_integer<std::uint32_t>(code[offset + 1]);
}

int by_argument(ByArgument kind, std::uint32_t argument) {
  const int n = static_cast<int>(argument & 0xffff);
  switch (kind) {
    case ByArgument::none: return 0;
    case ByArgument::adds: return n;
    case ByArgument::subtracts: return -n;
    case ByArgument::subtracts_twice: return -2 * n;
    case ByArgument::low_bit_adds: return n & 1;
    case ByArgument::low_bit_subtracts: return -(n & 1);
    case ByArgument::slice: return n == 3 ? -1 : 0;
    case ByArgument::format: return (n & 4) != 0 ? -1 : 0;
    case ByArgument::function: return -std::popcount(argument & 0xf);
    case ByArgument::unpack: return (n & 0xff) + (n >> 8);
  }
  return 0;
}

/// The index that an argument holds.
std::uint32_t operand_of(const OpcodeRow& row, std::uint32_t argument) {
  switch (row.meaning) {
    case Opcode::load_global:
    case Opcode::load_attr:
      // The lowest bit says that a NULL or a method is pushed too.
      return row.by_argument == ByArgument::low_bit_adds ? argument >> 1 : argument;
    case Opcode::load_fast:
      // LOAD_FAST_LOAD_FAST: what it loads last.
      return row.effect == 2 ? argument & 15 : argument;
    case Opcode::call_function_ex:
      // Since 3.14 the place of the dict is always there.
      return row.by_argument == ByArgument::low_bit_subtracts ? argument : 1;
    default: return argument;
  }
}

}  // namespace

Opcodes::Opcodes(const OpcodeTable& table)
    : extended_arg_(table.extended_arg),
      jump_unit_(table.jump_unit),
      import_flags_(table.import_flags) {
  for (std::size_t i = 0; i < base_.size(); ++i) base_[i] = static_cast<std::uint8_t>(i);
  for (const auto& row : table.rows) rows_[row.number] = row;
  for (const auto& [specialised, base] : table.specialised) base_[specialised] = base;
}

void Opcodes::undo_specialisation(std::span<std::byte> code) const {
  for (std::size_t at = 0; at + 1 < code.size();) {
    code[at] = std::byte{base_[std::to_integer<std::size_t>(code[at])]};
    const std::size_t caches = row(code[at]).caches;
    const auto end = std::min(code.size(), at + unit * (1 + caches));
    std::fill(code.begin() + static_cast<std::ptrdiff_t>(at + unit),
              code.begin() + static_cast<std::ptrdiff_t>(std::max(end, at + unit)), cache);
    at += unit * (1 + caches);
  }
}

std::size_t Opcodes::start_of(std::span<const std::byte> code, std::size_t offset) {
  offset -= offset % unit;
  while (offset >= unit && offset < code.size() && code[offset] == cache) offset -= unit;
  return offset;
}

std::optional<Instruction> Opcodes::instruction_at(std::span<const std::byte> code,
                                                   std::size_t offset) const {
  std::uint32_t high = 0;
  constexpr std::size_t most_prefixes = 3;
  const std::byte prefix{extended_arg_};
  if (offset < code.size() && code[offset] != prefix) {
    auto first = offset;
    while (first >= unit && offset - first < most_prefixes * unit && code[first - unit] == prefix) {
      first -= unit;
    }
    for (; first < offset; first += unit) high = (high << 8) | argument_byte(code, first);
  }
  while (offset + 1 < code.size()) {
    const auto& found = row(code[offset]);
    const auto argument = (high << 8) | argument_byte(code, offset);
    high = code[offset] == prefix ? argument : 0;
    const auto start = offset;
    offset += unit * (std::size_t{1} + found.caches);
    if (found.meaning == Opcode::prefix) continue;
    const auto operand = found.meaning == Opcode::jump_back
                             ? static_cast<std::uint32_t>(found.flow == Flow::jump_absolute ||
                                                                  found.flow == Flow::end
                                                              ? argument * jump_unit_
                                                              : offset - argument * jump_unit_)
                         : found.meaning == Opcode::import_name ? argument >> import_flags_
                                                                : operand_of(found, argument);
    const bool branches =
        found.meaning != Opcode::for_iter &&
        (found.flow == Flow::may_jump_forward || found.flow == Flow::may_jump_backward ||
         found.flow == Flow::may_jump_absolute);
    return Instruction{found.meaning, found.number, operand, offset, start, branches};
  }
  return std::nullopt;
}

template <typename Visit>
void Opcodes::walk(std::span<const std::byte> code, std::span<const ProtectedRange> ranges,
                   const Visit& visit) const {
  // Handlers entered by an exception, of those that the offset is in.
  using State = std::tuple<std::size_t, int, int>;
  constexpr int most_handlers = 20;  // CO_MAXBLOCKS, Include/cpython/code.h
  std::set<State> seen;
  std::vector<State> work;
  const auto push = [&](std::size_t offset, int depth, int raised) {
    if (depth >= 0 && raised >= 0 && raised <= most_handlers && offset + 1 < code.size() &&
        seen.size() < most_states && seen.emplace(offset, depth, raised).second) {
      work.emplace_back(offset, depth, raised);
    }
  };
  push(0, 0, 0);
  for (const auto& range : ranges) {
    // Python/ceval.c, exception_unwind: the exception, and below it the offset where it is wanted.
    push(range.handler, static_cast<int>(range.depth) + (range.with_lasti ? 2 : 1), 0);
  }
  while (!work.empty()) {
    auto [offset, depth, raised] = work.back();
    work.pop_back();
    std::size_t argument = 0;
    while (offset + 1 < code.size() && code[offset] == std::byte{extended_arg_}) {
      if (!visit(offset, depth)) return;
      argument = (argument | argument_byte(code, offset)) << 8;
      offset += unit;
    }
    if (offset + 1 >= code.size()) continue;
    if (!visit(offset, depth)) return;
    const auto& here = row(code[offset]);
    argument |= argument_byte(code, offset);
    const auto next = offset + unit * (std::size_t{1} + here.caches);
    const auto distance = argument * jump_unit_;
    const auto jumped = depth + (here.flow == Flow::jump_forward || here.flow == Flow::jump_backward
                                     ? here.effect
                                     : here.jump_effect);
    switch (here.flow) {
      case Flow::end: continue;
      case Flow::jump_forward: push(next + distance, jumped, raised); continue;
      case Flow::jump_backward:
        if (distance <= next) push(next - distance, jumped, raised);
        continue;
      case Flow::jump_absolute: push(distance, depth + here.effect, raised); continue;
      case Flow::may_jump_forward: push(next + distance, jumped, raised); break;
      case Flow::may_jump_backward:
        if (distance <= next) push(next - distance, jumped, raised);
        break;
      case Flow::may_jump_absolute: push(distance, jumped, raised); break;
      case Flow::handler: push(next + distance, jumped, raised + 1); break;
      case Flow::end_of_handler:
        if (raised > 0) continue;
        break;
      case Flow::next:
        if (here.meaning == Opcode::pop_except) raised = std::max(raised - 1, 0);
        break;
    }
    const auto change =
        by_argument(here.by_argument, static_cast<std::uint32_t>(argument & 0xffff'ffff));
    push(next, depth + here.effect + change, raised);
  }
}

std::vector<int> Opcodes::depths_at(std::span<const std::byte> code,
                                    std::span<const ProtectedRange> ranges,
                                    std::size_t wanted) const {
  std::set<int> found;
  walk(code, ranges, [&](std::size_t offset, int depth) {
    if (offset == wanted) found.insert(depth);
    return true;
  });
  return {found.begin(), found.end()};
}

bool Opcodes::fits(std::span<const std::byte> code, std::span<const ProtectedRange> ranges,
                   std::size_t stack_size) const {
  std::unordered_map<std::size_t, int> depths;
  bool fits = !code.empty();
  walk(code, ranges, [&](std::size_t offset, int depth) {
    const auto number = std::to_integer<std::uint8_t>(code[offset]);
    const auto& here = rows_[number];
    const bool goes_on = here.flow != Flow::end && here.flow != Flow::jump_forward &&
                         here.flow != Flow::jump_backward;
    fits = number != 0 && here.number == number && static_cast<std::size_t>(depth) <= stack_size &&
           depths.try_emplace(offset, depth).first->second == depth &&
           !(goes_on && offset + unit * (std::size_t{1} + here.caches) >= code.size());
    return fits;
  });
  return fits;
}

}  // namespace importlock::v3
