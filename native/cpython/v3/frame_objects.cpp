#include "cpython/v3/frame_objects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "cpython/v3/line_table.hpp"

namespace importlock {

namespace {

constexpr std::size_t most_names = 65536;
constexpr std::uint8_t call_method = 161;    // Include/opcode.h of 3.7 to 3.10
constexpr std::int32_t setup_finally = 122;  // PyTryBlock.b_type: SETUP_WITH makes one too

}  // namespace

void FrameObjects::read_code(Address address, Code& code) {
  const auto& at = objects().layout().code;
  code.line_table = objects().bytes(objects().pointer(address + at.co_lnotab));
  code.bytes = objects().bytes(objects().pointer(address + at.co_code));
  code.variables = objects().items(objects().pointer(address + at.co_varnames), most_names);
  code.locals = objects().memory().value<std::uint32_t>(address + at.co_nlocals);
}

RawFrame FrameObjects::read_frame(Address address) {
  const auto& layout = objects().layout();
  const auto& at = layout.frame;
  // All fields at once: there can be tens of thousands of frames.
  std::array<std::byte, 512> buffer;
  const auto fields =
      std::span(buffer).first(std::min<std::size_t>(at.f_localsplus, buffer.size()));
  objects().memory().read(address, fields);
  const auto pointer = [&](Layout::Offset offset) {
    return Address{load_word(fields, offset, layout.word).value_or(0)};
  };
  const auto number = [&](Layout::Offset offset) {
    return load<std::int32_t>(fields, offset).value_or(0);
  };
  if (pointer(layout.object.ob_type) != objects().types().frame) {
    throw FormatError(fmt::format("no frame object at {}", to_hex(address)));
  }
  RawFrame frame;
  frame.address = address;
  frame.back = pointer(at.f_back);
  frame.code_address = pointer(at.f_code);
  frame.globals = pointer(at.f_globals);
  frame.locals = pointer(at.f_locals);
  frame.value_stack = pointer(at.f_valuestack);
  frame.fast_locals = address + at.f_localsplus;
  frame.code = code(frame.code_address);
  const auto lasti = std::int64_t{number(at.f_lasti)} * layout.lasti_unit;
  if (lasti >= static_cast<std::int64_t>(frame.code->bytes.size())) {
    throw FormatError(fmt::format("the frame at {} is outside its code", to_hex(address)));
  }
  frame.lasti = static_cast<int>(std::max<std::int64_t>(lasti, -1));
  // Objects/frameobject.c, PyFrame_GetLineNumber: f_lineno counts only while tracing.
  if (!pointer(at.f_trace).is_null()) frame.line = number(at.f_lineno);
  return frame;
}

std::optional<Instruction> FrameObjects::instruction_at(const Code& code,
                                                        std::size_t offset) const {
  return opcodes_.instruction_at(code.bytes, offset);
}

std::vector<int> FrameObjects::depths_at(const Code& code, std::size_t offset) const {
  return opcodes_.depths_at(code.bytes, {}, offset);
}

int FrameObjects::line_at(const Code& code, int offset) const {
  const auto at = static_cast<std::size_t>(std::max(offset, 0));
  return objects().layout().lines == Layout::Lines::deltas
             ? v3::line_in_deltas(code.line_table, code.first_line, at)
             : v3::line_in_lnotab(code.line_table, code.first_line, at);
}

bool FrameObjects::is_call(const Instruction& instruction) const {
  return instruction.opcode == Opcode::call_function ||
         instruction.opcode == Opcode::call_function_kw ||
         instruction.opcode == Opcode::call_function_ex || instruction.opcode == Opcode::for_iter;
}

std::optional<Callee> FrameObjects::called(const RawFrame& frame, const Instruction& instruction,
                                           int depth) {
  const auto slot = [&](int place) {
    return place < 0 ? Address{} : stack_slot(frame, static_cast<std::size_t>(place));
  };
  const auto arguments = static_cast<int>(instruction.argument & 0xffff);
  switch (instruction.opcode) {
    case Opcode::for_iter: return iterated(slot(depth - 1));
    case Opcode::call_function_ex: return c_function(slot(depth - 2 - (arguments & 1)));
    default: break;
  }
  const int top = instruction.opcode == Opcode::call_function_kw ? depth - 1 : depth;
  const auto object = slot(top - arguments - 1);
  // LOAD_METHOD leaves a method and its object, or NULL and what is called.
  const auto method = instruction.number == call_method ? slot(top - arguments - 2) : Address{};
  auto callee = method.is_null() ? c_function(object) : c_method(method, object);
  if (arguments > 0) {
    const auto first = slot(top - arguments);
    // `type(lock).__enter__(lock)`, as contextlib.ExitStack calls it.
    if (!callee) callee = c_method(object, first);
    if (callee) callee->first_argument = first;
  }
  return callee;
}

Address FrameObjects::local(const RawFrame& frame, std::size_t index) {
  if (index >= frame.code->locals) return {};
  return objects().pointer(frame.fast_locals + std::uint64_t{index} * objects().layout().word);
}

Address FrameObjects::cell(const RawFrame& frame, std::size_t index) {
  const auto cell = objects().pointer(
      frame.fast_locals + (std::uint64_t{frame.code->locals} + index) * objects().layout().word);
  if (!objects().is(cell, objects().types().cell)) return {};
  return objects().pointer(cell + objects().layout().cell.ob_ref);
}

Block::Kind FrameObjects::kind_of_handler(const Code& code, std::size_t handler) const {
  // Python/compile.c: compiler_with, compiler_try_finally, compiler_try_except.
  constexpr std::size_t longest = 512;
  auto instruction = instruction_at(code, handler);
  if (!instruction) return Block::Kind::other;
  if (instruction->opcode == Opcode::with_except_start) return Block::Kind::with;
  // An `except` compares the exception, or throws it away.
  if (instruction->opcode == Opcode::dup_top || instruction->opcode == Opcode::pop_top) {
    return Block::Kind::other;
  }
  while (instruction && instruction->next < handler + longest) {
    if (instruction->opcode == Opcode::check_exc_match) return Block::Kind::other;
    if (instruction->opcode == Opcode::end_finally) return Block::Kind::try_finally;
    instruction = instruction_at(code, instruction->next);
  }
  return Block::Kind::other;
}

std::vector<Block> FrameObjects::blocks(const RawFrame& frame) {
  const auto& layout = objects().layout();
  auto& memory = objects().memory();
  // CO_MAXBLOCKS, Include/cpython/code.h.
  constexpr std::int32_t most_blocks = 20;
  const auto number = memory.value<std::int32_t>(frame.address + layout.frame.f_iblock);
  if (number < 0 || number > most_blocks) throw FormatError("a frame claims an absurd block stack");
  std::vector<Block> blocks;
  if (number == 0) return blocks;
  const auto count = static_cast<std::uint64_t>(number);
  const auto bytes =
      memory.bytes(frame.address + layout.frame.f_blockstack, count * layout.try_block.size);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto field = [&](Layout::Offset offset) {
      return load<std::int32_t>(bytes, i * layout.try_block.size + offset).value_or(-1);
    };
    const auto handler = field(layout.try_block.b_handler);
    const auto level = field(layout.try_block.b_level);
    if (field(layout.try_block.b_type) != setup_finally) continue;
    if (handler < 0 || level < 0) throw FormatError("a frame's block stack is damaged");
    const auto offset = static_cast<std::size_t>(handler) * layout.lasti_unit;
    blocks.push_back(
        {kind_of_handler(*frame.code, offset), offset, static_cast<std::size_t>(level), 0});
  }
  return blocks;
}

bool FrameObjects::enters(const Instruction& instruction, const Block& block) const {
  const auto wanted = block.kind == Block::Kind::with ? Opcode::setup_with : Opcode::setup_finally;
  return instruction.opcode == wanted &&
         instruction.next + std::size_t{instruction.argument} * jump_unit_ == block.handler;
}

}  // namespace importlock
