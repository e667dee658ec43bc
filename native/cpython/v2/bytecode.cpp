#include "cpython/v2/bytecode.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/bytes.hpp"

namespace importlock::v2 {

namespace {

constexpr unsigned have_argument = 90;
constexpr unsigned extended_arg = 145;
constexpr unsigned call_function = 131, call_function_var = 140, call_function_kw = 141,
                   call_function_var_kw = 142;
constexpr std::size_t most_states = 1 << 16;
constexpr std::size_t most_handlers = 20;  // CO_MAXBLOCKS, Include/code.h

/// What the value stack is while a handler's code runs: END_FINALLY ends a handler entered by an
/// exception, and goes on after one that was reached in the ordinary way.
struct Handler {
  int base = 0;
  bool by_exception = false;
};

struct State {
  std::size_t offset = 0;
  int depth = 0;
  std::vector<Handler> handlers;
};

/// The states that were met. Nearly every offset is reached at one depth alone.
class Seen {
 public:
  explicit Seen(std::size_t offsets) : depths_(offsets, none) {}

  /// Whether it is new.
  bool insert(std::size_t offset, int depth) {
    auto& first = depths_[offset];
    if (first == depth || (first != none && !others_.insert({offset, depth}).second)) return false;
    if (first == none) first = depth;
    ++size_;
    return true;
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr int none = -1;
  std::vector<int> depths_;  ///< by offset
  std::set<std::pair<std::size_t, int>> others_;
  std::size_t size_ = 0;
};

int argument_count(std::uint32_t argument) {
  return static_cast<int>((argument & 0xff) + 2 * ((argument >> 8) & 0xff));
}

/// Change of depth when the instruction falls through.
int effect(unsigned number, std::uint32_t argument) {
  const int n = static_cast<int>(argument & 0xffff);
  switch (number) {
    case 4:
    case 82:
    case 93:
    case 100:
    case 101:
    case 105:
    case 109:
    case 116:
    case 124:
    case 135:
    case 136:
    case 143: return 1;
    case 1:
    case 19:
    case 31:
    case 32:
    case 70:
    case 71:
    case 74:
    case 84:
    case 90:
    case 94:
    case 96:
    case 97:
    case 107:
    case 108:
    case 111:
    case 112:
    case 114:
    case 115:
    case 125:
    case 50:
    case 88:
    case 137:
    case 146: return -1;
    case 33:
    case 40:
    case 51:
    case 52:
    case 54:
    case 61:
    case 73:
    case 89:
    case 95:
    case 147: return -2;
    case 41:
    case 42:
    case 53:
    case 60:
    case 85: return -3;
    case 43: return -4;
    case 92: return n - 1;
    case 99: return n;
    case 102:
    case 103:
    case 104: return 1 - n;
    case 131: return -argument_count(argument);
    case 140:
    case 141: return -argument_count(argument) - 1;
    case 142: return -argument_count(argument) - 2;
    case 132: return -n;
    case 134: return -n - 1;
    case 133: return n == 3 ? -2 : -1;
    default: break;
  }
  const bool binary = (number >= 20 && number <= 29) || (number >= 55 && number <= 59) ||
                      (number >= 62 && number <= 67) || (number >= 75 && number <= 79);
  return binary ? -1 : 0;
}

}  // namespace

Opcode opcode(unsigned number) {
  switch (number) {
    case 88: return Opcode::end_finally;
    case 101: return Opcode::load_name;
    case 106: return Opcode::load_attr;
    case 108: return Opcode::import_name;
    case 113:
    case 119: return Opcode::jump_back;  // JUMP_ABSOLUTE, CONTINUE_LOOP
    case 116: return Opcode::load_global;
    case 122: return Opcode::setup_finally;
    case 124: return Opcode::load_fast;
    case call_function: return Opcode::call_function;
    case 136: return Opcode::load_deref;
    case 143: return Opcode::setup_with;
    default: return Opcode::other;
  }
}

std::optional<Instruction> instruction_at(std::span<const std::byte> code, std::size_t offset) {
  // JUMP_IF_FALSE_OR_POP JUMP_IF_TRUE_OR_POP POP_JUMP_IF_FALSE POP_JUMP_IF_TRUE
  const auto branches = [](unsigned number) {
    return number == 111 || number == 112 || number == 114 || number == 115;
  };
  std::uint32_t high = 0;
  const auto start = offset;
  while (offset < code.size()) {
    const auto number = std::to_integer<std::uint8_t>(code[offset]);
    if (number < have_argument) {
      return Instruction{opcode(number), number, 0, offset + 1, start, false};
    }
    const auto argument = load<std::uint16_t>(code, offset + 1);
    if (!argument) return std::nullopt;
    offset += 3;
    if (number != extended_arg) {
      return Instruction{opcode(number), number, (high << 16) | *argument,
                         offset,         start,  branches(number)};
    }
    high = *argument;
  }
  return std::nullopt;
}

std::optional<int> values_above_callee(const Instruction& instruction) {
  switch (instruction.number) {
    case call_function: return argument_count(instruction.argument);
    case call_function_var:
    case call_function_kw: return argument_count(instruction.argument) + 1;
    case call_function_var_kw: return argument_count(instruction.argument) + 2;
    default: return std::nullopt;
  }
}

std::vector<int> stack_depths_at(std::span<const std::byte> code, std::size_t wanted) {
  std::set<int> found;
  std::set<std::size_t> finally_starts;
  Seen seen(code.size());
  std::vector<State> work;
  const auto push = [&](std::size_t offset, int depth, std::vector<Handler> handlers) {
    if (depth < 0 || offset >= code.size() || seen.size() > most_states) return;
    if (handlers.size() > most_handlers) return;
    work.push_back({offset, depth, std::move(handlers)});
  };
  push(0, 0, {});
  while (!work.empty()) {
    auto state = std::move(work.back());
    work.pop_back();
    // A `finally` reached in the ordinary way finds None on top.
    if (finally_starts.contains(state.offset) &&
        (state.handlers.empty() || state.handlers.back().base != state.depth - 3)) {
      state.handlers.push_back({state.depth - 1, false});
    }
    while (!state.handlers.empty() && state.handlers.back().base >= state.depth) {
      state.handlers.pop_back();
    }
    if (!seen.insert(state.offset, state.depth)) continue;
    if (state.offset == wanted) found.insert(state.depth);
    const auto instruction = instruction_at(code, state.offset);
    if (!instruction) continue;
    const unsigned number = instruction->number;
    const auto argument = instruction->argument;
    const auto next = instruction->next;
    const auto handler = [&](int base) {
      auto handlers = state.handlers;
      handlers.push_back({base, true});
      push(next + argument, base + 3, std::move(handlers));
    };
    switch (number) {
      case 83:
      case 130:
      case 80:
      case 119:  // RETURN_VALUE RAISE_VARARGS BREAK_LOOP CONTINUE_LOOP
        continue;
      case 110:  // JUMP_FORWARD
        push(next + argument, state.depth, std::move(state.handlers));
        continue;
      case 113:  // JUMP_ABSOLUTE
        push(argument, state.depth, std::move(state.handlers));
        continue;
      case 88:  // END_FINALLY
        if (!state.handlers.empty() && state.handlers.back().by_exception) continue;
        break;
      case 81:  // WITH_CLEANUP takes __exit__ away; ordinarily it lies below None
        push(next, state.depth - 1, std::move(state.handlers));
        continue;
      case 93:  // FOR_ITER
        push(next + argument, state.depth - 1, state.handlers);
        break;
      case 111:
      case 112:  // JUMP_IF_FALSE_OR_POP JUMP_IF_TRUE_OR_POP
        push(argument, state.depth, state.handlers);
        break;
      case 114:
      case 115:  // POP_JUMP_IF_FALSE POP_JUMP_IF_TRUE
        push(argument, state.depth - 1, state.handlers);
        break;
      case 120:  // SETUP_LOOP: `break` goes there
        push(next + argument, state.depth, state.handlers);
        break;
      case 122:
      case 143:  // SETUP_FINALLY SETUP_WITH
        finally_starts.insert(next + argument);
        handler(state.depth);
        break;
      case 121:  // SETUP_EXCEPT
        handler(state.depth);
        break;
      default: break;
    }
    push(next, state.depth + effect(number, argument), std::move(state.handlers));
  }
  return {found.begin(), found.end()};
}

}  // namespace importlock::v2
