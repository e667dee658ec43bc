#include "cpython/v2/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "cpython/v2/bytecode.hpp"

namespace importlock {

namespace {

constexpr std::size_t most_names = 65536;

Block::Kind kind_of(std::int32_t opcode) {
  switch (v2::opcode(static_cast<unsigned>(opcode))) {
    case Opcode::setup_with: return Block::Kind::with;
    case Opcode::setup_finally: return Block::Kind::try_finally;
    default: return Block::Kind::other;
  }
}

}  // namespace

void Python2Frames::read_code(Address address, Code& code) {
  const auto& at = objects().layout().code;
  code.line_table = objects().bytes(objects().pointer(address + at.co_lnotab));
  code.bytes = objects().bytes(objects().pointer(address + at.co_code));
  code.variables = objects().items(objects().pointer(address + at.co_varnames), most_names);
  code.locals = objects().memory().value<std::uint32_t>(address + at.co_nlocals);
}

RawFrame Python2Frames::read_frame(Address address) {
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
  frame.lasti = number(at.f_lasti);
  frame.code = code(frame.code_address);
  // Objects/frameobject.c, PyFrame_GetLineNumber: f_lineno counts only while tracing.
  const bool traced = !pointer(at.f_trace).is_null();
  if (traced) frame.line = number(at.f_lineno);
  return frame;
}

std::vector<Block> Python2Frames::blocks(const RawFrame& frame) {
  const auto& layout = objects().layout();
  auto& memory = objects().memory();
  // CO_MAXBLOCKS, Include/code.h.
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
    const auto type = field(layout.try_block.b_type);
    const auto handler = field(layout.try_block.b_handler);
    const auto level = field(layout.try_block.b_level);
    if (type < 0 || type > 255 || handler < 0 || level < 0) {
      throw FormatError("a frame's block stack is damaged");
    }
    blocks.push_back(
        {kind_of(type), static_cast<std::size_t>(handler), static_cast<std::size_t>(level), 0});
  }
  return blocks;
}

bool Python2Frames::enters(const Instruction& instruction, const Block& block) const {
  const auto wanted = block.kind == Block::Kind::with ? Opcode::setup_with : Opcode::setup_finally;
  return instruction.opcode == wanted && instruction.next + instruction.argument == block.handler;
}

std::optional<Instruction> Python2Frames::instruction_at(const Code& code,
                                                         std::size_t offset) const {
  return v2::instruction_at(code.bytes, offset);
}

std::vector<int> Python2Frames::depths_at(const Code& code, std::size_t offset) const {
  return v2::stack_depths_at(code.bytes, offset);
}

int Python2Frames::line_at(const Code& code, int offset) const {
  // Objects/codeobject.c, PyCode_Addr2Line.
  int line = code.first_line;
  int address = 0;
  for (std::size_t i = 0; i + 1 < code.line_table.size(); i += 2) {
    address += std::to_integer<int>(code.line_table[i]);
    if (address > offset) break;
    line += std::to_integer<int>(code.line_table[i + 1]);
  }
  return line;
}

bool Python2Frames::is_call(const Instruction& instruction) const {
  return v2::values_above_callee(instruction).has_value();
}

std::optional<Callee> Python2Frames::called(const RawFrame& frame, const Instruction& instruction,
                                            int depth) {
  const int above = v2::values_above_callee(instruction).value_or(0);
  const int slot = depth - above - 1;
  if (slot < 0) return std::nullopt;
  const auto place = static_cast<std::size_t>(slot);
  auto callee = c_function(stack_slot(frame, place));
  if (callee && above > 0) callee->first_argument = stack_slot(frame, place + 1);
  return callee;
}

Address Python2Frames::local(const RawFrame& frame, std::size_t index) {
  if (index >= frame.code->locals) return {};
  return objects().pointer(frame.fast_locals + std::uint64_t{index} * objects().layout().word);
}

Address Python2Frames::cell(const RawFrame& frame, std::size_t index) {
  const auto cell = objects().pointer(
      frame.fast_locals + (std::uint64_t{frame.code->locals} + index) * objects().layout().word);
  if (!objects().is(cell, objects().types().cell)) return {};
  return objects().pointer(cell + objects().layout().cell.ob_ref);
}

}  // namespace importlock
