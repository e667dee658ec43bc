#include "cpython/v3/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "cpython/v3/line_table.hpp"

namespace importlock {

namespace {

constexpr std::uint64_t unit = 2;
constexpr std::size_t most_names = 65536;
constexpr std::uint64_t most_units = 1 << 20;  // of the code of real modules: less
constexpr std::size_t most_enclosing = 100;    // the compiler allows 20 (CO_MAXBLOCKS)
// Include/internal/pycore_frame.h, enum _frameowner: FRAME_OWNED_BY_CSTACK, since 3.14
// FRAME_OWNED_BY_INTERPRETER; what follows runs no code either.
constexpr unsigned owned_by_c = 3;

}  // namespace

void AdaptiveFrames::read_code(Address address, Code& code) {
  const auto& layout = objects().layout();
  const auto& at = layout.adaptive_code;
  auto& memory = objects().memory();
  const auto units = memory.word(address + layout.object.ob_size, layout.word);
  if (units > most_units) throw LimitError("a code object of the target claims an absurd length");
  code.bytes = memory.bytes(address + at.co_code_adaptive, units * unit);
  opcodes_.undo_specialisation(code.bytes);
  code.line_table = objects().bytes(objects().pointer(address + layout.code.co_lnotab));
  code.variables = objects().items(objects().pointer(address + at.co_localsplusnames), most_names);
  code.variable_kinds = objects().bytes(objects().pointer(address + at.co_localspluskinds));
  code.locals = memory.value<std::uint32_t>(address + at.co_nlocalsplus);
  code.ranges =
      v3::protected_ranges(objects().bytes(objects().pointer(address + at.co_exceptiontable)));
}

bool AdaptiveFrames::fits(Address address) {
  const auto& code = *this->code(address);
  return opcodes_.fits(code.bytes, code.ranges, code.stack_size);
}

RawFrame AdaptiveFrames::read_frame(Address address) {
  const auto& layout = objects().layout();
  const auto& at = layout.interpreter_frame;
  // All fields at once: there can be tens of thousands of frames.
  std::array<std::byte, 128> buffer;
  const auto fields = std::span(buffer).first(std::min<std::size_t>(at.localsplus, buffer.size()));
  objects().memory().read(address, fields);
  const auto pointer = [&](Layout::Offset offset) {
    return Address{load_word(fields, offset, layout.word).value_or(0)};
  };
  RawFrame frame;
  frame.address = address;
  frame.back = pointer(at.previous);
  if (load<std::uint8_t>(fields, at.owner) >= owned_by_c) {
    frame.is_entry = true;
    return frame;
  }
  frame.code_address = untagged(pointer(at.f_code));
  frame.globals = pointer(at.f_globals);
  frame.locals = pointer(at.f_locals);
  frame.fast_locals = address + at.localsplus;
  frame.code = code(frame.code_address);
  // Python/specialize.c, _Py_InitCleanup: below an __init__ that was called without C.
  frame.is_hidden = frame.code->named && frame.code->name == frame.code->file;
  frame.value_stack = frame.fast_locals + std::uint64_t{frame.code->locals} * layout.word;
  // Python/ceval.c: set to -1 where the frame runs, and so where it has called C.
  if (at.stacktop) {
    frame.calls_python = load<std::int32_t>(fields, *at.stacktop).value_or(-1) >= 0;
  }
  const auto first = start_of_code(address, frame.code_address);
  const auto instruction = pointer(at.prev_instr);
  if (instruction + unit == first) return frame;  // it has not begun
  const auto offset = instruction - first;
  if (offset >= frame.code->bytes.size()) {
    throw FormatError(fmt::format("the frame at {} is outside its code", to_hex(address)));
  }
  frame.lasti = static_cast<int>(v3::Opcodes::start_of(frame.code->bytes, offset));
  return frame;
}

Address AdaptiveFrames::start_of_code(Address frame, Address code) {
  const auto& layout = objects().layout();
  if (layout.co_tlbc) {
    // Python/codeobject.c of 3.14, _PyCode_GetTLBC: each thread specialises a copy of its own, but
    // number 0, which is the code itself. struct _PyCodeArray: the size, then the copies.
    auto& memory = objects().memory();
    const auto index = memory.value<std::uint32_t>(frame + *layout.frame_tlbc_index);
    const auto copies = objects().pointer(code + *layout.co_tlbc);
    if (index != 0 && !copies.is_null() && index < memory.value<std::uint64_t>(copies)) {
      return objects().pointer(copies + layout.word + std::uint64_t{index} * layout.word);
    }
  }
  return code + layout.adaptive_code.co_code_adaptive;
}

std::optional<Instruction> AdaptiveFrames::instruction_at(const Code& code,
                                                          std::size_t offset) const {
  return opcodes_.instruction_at(code.bytes, offset);
}

std::vector<int> AdaptiveFrames::depths_at(const Code& code, std::size_t offset) const {
  return opcodes_.depths_at(code.bytes, code.ranges, offset);
}

int AdaptiveFrames::line_at(const Code& code, int offset) const {
  return v3::line_in_locations(code.line_table, code.first_line,
                               static_cast<std::size_t>(std::max(offset, 0)));
}

bool AdaptiveFrames::is_call(const Instruction& instruction) const {
  return instruction.opcode == Opcode::call_function ||
         instruction.opcode == Opcode::call_function_kw ||
         instruction.opcode == Opcode::call_function_ex || instruction.opcode == Opcode::for_iter;
}

std::optional<Callee> AdaptiveFrames::called(const RawFrame& frame, const Instruction& instruction,
                                             int depth) {
  if (frame.calls_python) return std::nullopt;
  const auto slot = [&](int place) {
    return place < 0 ? Address{} : stack_slot(frame, static_cast<std::size_t>(place));
  };
  if (instruction.opcode == Opcode::for_iter) return iterated(slot(depth - 1 - above_iterator_));
  if (instruction.opcode == Opcode::call_function_ex) {
    // Above what is called and NULL, the tuple, and where the lowest bit says so a dict.
    const int above = 1 + static_cast<int>(instruction.argument & 1);
    return c_function(slot(depth - above - (callable_first_ ? 2 : 1)));
  }
  const auto arguments = static_cast<int>(instruction.argument & 0xffff);
  const int top = instruction.opcode == Opcode::call_function_kw ? depth - 1 : depth;
  const auto lower = slot(top - arguments - 2);
  const auto upper = slot(top - arguments - 1);
  const bool is_method = callable_first_ ? !upper.is_null() : !lower.is_null();
  auto callee = is_method ? c_method(lower, upper) : c_function(callable_first_ ? lower : upper);
  if (arguments > 0) {
    const auto first = slot(top - arguments);
    // `type(lock).__enter__(lock)`, as contextlib.ExitStack calls it.
    if (!callee) callee = c_method(callable_first_ ? lower : upper, first);
    if (callee) callee->first_argument = first;
  }
  return callee;
}

bool AdaptiveFrames::ends_in_a_cell(const Code& code, std::size_t index) {
  // CO_FAST_CELL, CO_FAST_FREE (Include/internal/pycore_code.h).
  constexpr std::byte in_a_cell{0x40 | 0x80};
  return index < code.variable_kinds.size() &&
         (code.variable_kinds[index] & in_a_cell) != std::byte{0};
}

Address AdaptiveFrames::local(const RawFrame& frame, std::size_t index) {
  if (index >= frame.code->locals) return {};
  if (ends_in_a_cell(*frame.code, index)) return cell(frame, index);
  return reference(frame.fast_locals, index);
}

Address AdaptiveFrames::cell(const RawFrame& frame, std::size_t index) {
  if (index >= frame.code->locals) return {};
  const auto value = reference(frame.fast_locals, index);
  // MAKE_CELL, at the beginning of the code, puts the argument into one.
  if (!objects().is(value, objects().types().cell)) return value;
  return objects().pointer(value + objects().layout().cell.ob_ref);
}

Block::Kind AdaptiveFrames::kind_of_handler(const Code& code, std::size_t handler) const {
  // Python/compile.c: compiler_with, compiler_try_finally, compiler_try_except.
  constexpr std::size_t longest = 512;
  auto instruction = instruction_at(code, handler);
  if (!instruction || instruction->opcode != Opcode::push_exc_info) return Block::Kind::other;
  instruction = instruction_at(code, instruction->next);
  if (!instruction || instruction->opcode == Opcode::pop_top) return Block::Kind::other;
  if (instruction->opcode == Opcode::with_except_start) return Block::Kind::with;
  while (instruction && instruction->next < handler + longest) {
    if (instruction->opcode == Opcode::check_exc_match) return Block::Kind::other;
    if (instruction->opcode == Opcode::end_finally) return Block::Kind::try_finally;
    instruction = instruction_at(code, instruction->next);
  }
  return Block::Kind::other;
}

std::size_t AdaptiveFrames::start_of_block(const Code& code, std::size_t handler) {
  auto start = code.bytes.size();
  for (const auto& range : code.ranges) {
    if (range.handler == handler) start = std::min<std::size_t>(start, range.start);
  }
  return start;
}

std::vector<Block> AdaptiveFrames::blocks(const RawFrame& frame) {
  std::vector<Block> blocks;
  if (frame.lasti < 0) return blocks;
  const auto& code = *frame.code;
  auto at = static_cast<std::size_t>(frame.lasti);
  // Ranges do not overlap: the handler of the innermost block lies in the range of the next one,
  // as does what ends it when it raises anew.
  for (std::size_t step = 0; step < most_enclosing; ++step) {
    const auto range = std::ranges::find_if(
        code.ranges, [&](const ProtectedRange& each) { return at >= each.start && at < each.end; });
    if (range == code.ranges.end()) break;
    const auto kind = kind_of_handler(code, range->handler);
    if (kind != Block::Kind::other) {
      blocks.push_back({kind, range->handler, range->depth, start_of_block(code, range->handler)});
    }
    if (range->handler == at) break;
    at = range->handler;
  }
  std::ranges::reverse(blocks);
  return blocks;
}

bool AdaptiveFrames::enters(const Instruction& instruction, const Block& block) const {
  if (block.kind != Block::Kind::with) return instruction.next > block.start;
  return instruction.next == block.start;
}

bool AdaptiveFrames::enters_with(const RawFrame& frame, const Instruction& instruction) const {
  return std::ranges::any_of(frame.code->ranges, [&](const ProtectedRange& range) {
    return range.start == instruction.next &&
           start_of_block(*frame.code, range.handler) == range.start &&
           kind_of_handler(*frame.code, range.handler) == Block::Kind::with;
  });
}

}  // namespace importlock
