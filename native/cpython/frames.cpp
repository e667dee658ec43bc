#include "cpython/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace importlock {

namespace {

// sys.setrecursionlimit is 1000 by default, and the C stack ends long before this.
constexpr std::size_t longest_chain = 20'000;
constexpr std::size_t most_names = 65536;
constexpr std::size_t most_codes = 100'000;
constexpr std::size_t most_code_bytes = std::size_t{16} << 20;  // what is on stacks: some 100 KiB
constexpr std::size_t most_followed = 20'000'000;

}  // namespace

const Code* FrameReader::code(Address address) {
  const auto [entry, fresh] = codes_.try_emplace(address);
  auto& code = entry->second;
  if (!fresh) return &code;
  const auto& at = objects_.layout().code;
  auto& memory = objects_.memory();
  try {
    if (codes_.size() > most_codes) throw LimitError("there is more code than a program has");
    if (!objects_.is(address, objects_.types().code)) throw FormatError("no code object");
    code.name = objects_.text(objects_.pointer(address + at.co_name)).value_or("");
    code.file = objects_.text(objects_.pointer(address + at.co_filename)).value_or("");
    code.first_line = memory.value<std::int32_t>(address + at.co_firstlineno);
    code.line_table = objects_.string_bytes(objects_.pointer(address + at.co_lnotab));
    code.bytes = objects_.string_bytes(objects_.pointer(address + at.co_code));
    code.names = objects_.items(objects_.pointer(address + at.co_names), most_names);
    code.variables = objects_.items(objects_.pointer(address + at.co_varnames), most_names);
    code.arguments = memory.value<std::uint32_t>(address + at.co_argcount);
    code.locals = memory.value<std::uint32_t>(address + at.co_nlocals);
    code.stack_size = memory.value<std::uint32_t>(address + at.co_stacksize);
    code_bytes_ += code.line_table.size() + code.bytes.size() +
                   (code.names.size() + code.variables.size()) * sizeof(Address);
    if (code_bytes_ > most_code_bytes) throw LimitError("there is more code than a program has");
  } catch (...) {
    codes_.erase(entry);
    throw;
  }
  return &code;
}

RawFrame FrameReader::frame(Address address) {
  const auto& layout = objects_.layout();
  const auto& at = layout.frame;
  // All fields at once: there can be tens of thousands of frames.
  std::array<std::byte, 512> buffer;
  const auto fields =
      std::span(buffer).first(std::min<std::size_t>(at.f_localsplus, buffer.size()));
  objects_.memory().read(address, fields);
  const auto pointer = [&](Layout::Offset offset) {
    return Address{layout.word == 8 ? load<std::uint64_t>(fields, offset).value_or(0)
                                    : load<std::uint32_t>(fields, offset).value_or(0)};
  };
  const auto number = [&](Layout::Offset offset) {
    return load<std::int32_t>(fields, offset).value_or(0);
  };
  if (pointer(layout.object.ob_type) != objects_.types().frame) {
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
  frame.line = traced ? number(at.f_lineno) : line_of(*frame.code, frame.lasti);
  return frame;
}

std::vector<RawFrame> FrameReader::chain(Address innermost, std::size_t most,
                                         std::string& problem) {
  std::vector<RawFrame> frames;
  // Brent's algorithm: a frame remembered for twice as many steps as the one before is met again
  // where the chain is a loop.
  Address remembered;
  std::size_t next_power = 1;
  for (auto address = innermost; !address.is_null(); address = frames.back().back) {
    if (address == remembered) {
      problem = "its frames form a loop";
      // Once around is enough.
      const auto first = std::ranges::find(frames, remembered, &RawFrame::address);
      const auto length = frames.end() - first;
      while (frames.end() - frames.begin() > length &&
             frames.back().address == frames.end()[-1 - length].address) {
        frames.pop_back();
      }
      break;
    }
    if (frames.size() == next_power) {
      remembered = address;
      next_power *= 2;
    }
    if (frames.size() == std::min(most, longest_chain)) {
      problem = "its frames do not end: the rest is not shown";
      break;
    }
    try {
      frames.push_back(frame(address));
    } catch (const Error& error) {
      problem = error.what();
      break;
    }
  }
  return frames;
}

void FrameReader::follow(std::size_t steps) {
  followed_ += steps;
  if (followed_ > most_followed) throw LimitError("there is more byte code than a program has");
}

std::optional<Instruction> FrameReader::step(const RawFrame& frame, std::size_t offset) {
  follow(1);
  return instruction_at(frame.code->bytes, offset);
}

int FrameReader::line_of(const Code& code, int offset) {
  constexpr std::size_t pairs_per_step = 8;  // each takes that much less time
  follow(code.line_table.size() / 2 / pairs_per_step);
  int line = code.first_line;
  int address = 0;
  for (std::size_t i = 0; i + 1 < code.line_table.size(); i += 2) {
    address += std::to_integer<int>(code.line_table[i]);
    if (address > offset) break;
    line += std::to_integer<int>(code.line_table[i + 1]);
  }
  return line;
}

std::optional<Instruction> FrameReader::instruction(const RawFrame& frame) const {
  if (frame.code == nullptr || frame.lasti < 0) return std::nullopt;
  return instruction_at(frame.code->bytes, static_cast<std::size_t>(frame.lasti));
}

std::string FrameReader::name_operand(const RawFrame& frame, const Instruction& instruction) {
  if (instruction.argument >= frame.code->names.size()) return "";
  return objects_.name(frame.code->names[instruction.argument]);
}

std::optional<Callee> FrameReader::c_function(Address object) {
  const auto& layout = objects_.layout();
  if (!objects_.is(object, objects_.types().c_function)) return std::nullopt;
  Callee callee;
  callee.object = object;
  // PyMethodDef.ml_name is its first field (Include/methodobject.h).
  const auto method = objects_.pointer(object + layout.c_function.m_ml);
  const auto name = objects_.c_string(objects_.pointer(method));
  const auto module = objects_.text(objects_.pointer(object + layout.c_function.m_module));
  callee.self = objects_.pointer(object + layout.c_function.m_self);
  if (module) {
    callee.name = *module + "." + name;
  } else if (!callee.self.is_null()) {
    callee.name = objects_.type_name(objects_.type_of(callee.self)) + "." + name;
  } else {
    callee.name = name;
  }
  return callee;
}

const std::vector<int>& FrameReader::stack_depths(const RawFrame& frame) {
  const auto [entry, fresh] = depths_[frame.code_address].try_emplace(frame.lasti);
  if (fresh && frame.lasti >= 0) {
    follow(frame.code->bytes.size());
    entry->second = stack_depths_at(frame.code->bytes, static_cast<std::size_t>(frame.lasti));
  }
  return entry->second;
}

Address FrameReader::stack_slot(const RawFrame& frame, std::size_t slot) {
  if (slot >= frame.code->stack_size) return {};
  return objects_.pointer(frame.value_stack + std::uint64_t{slot} * objects_.layout().word);
}

std::vector<Block> FrameReader::blocks(const RawFrame& frame) {
  const auto& layout = objects_.layout();
  auto& memory = objects_.memory();
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
    blocks.push_back({Opcode{static_cast<std::uint8_t>(type)}, static_cast<std::size_t>(handler),
                      static_cast<std::size_t>(level)});
  }
  return blocks;
}

Address FrameReader::argument(const RawFrame& frame, std::size_t index) {
  if (index >= frame.code->locals) return {};
  return objects_.pointer(frame.fast_locals + std::uint64_t{index} * objects_.layout().word);
}

std::optional<Callee> FrameReader::callee(const RawFrame& frame) {
  const auto instruction = this->instruction(frame);
  const auto above = instruction ? values_above_callee(*instruction) : std::nullopt;
  if (!above) return std::nullopt;
  const auto& depths = stack_depths(frame);
  for (const int depth : depths) {
    const int slot = depth - *above - 1;
    if (slot < 0) continue;
    try {
      const auto place = static_cast<std::size_t>(slot);
      auto callee = c_function(stack_slot(frame, place));
      if (!callee) continue;
      if (*above > 0) callee->first_argument = stack_slot(frame, place + 1);
      return callee;
    } catch (const Error&) {
      // A slot above the live depth holds garbage; the next depth may be the true one.
      if (depths.size() == 1) throw;
    }
  }
  return std::nullopt;
}

Address FrameReader::variable(const RawFrame& frame, const Instruction& load) {
  const auto word = objects_.layout().word;
  switch (load.opcode) {
    case Opcode::load_fast:
      if (load.argument >= frame.code->locals) return {};
      return objects_.pointer(frame.fast_locals + std::uint64_t{load.argument} * word);
    case Opcode::load_deref: {
      const auto cell = objects_.pointer(
          frame.fast_locals + (std::uint64_t{frame.code->locals} + load.argument) * word);
      if (!objects_.is(cell, objects_.types().cell)) return {};
      return objects_.pointer(cell + objects_.layout().cell.ob_ref);
    }
    case Opcode::load_name:
    case Opcode::load_global: {
      const auto name = name_operand(frame, load);
      const auto local =
          load.opcode == Opcode::load_name ? objects_.item(frame.locals, name) : Address{};
      return local.is_null() ? objects_.item(frame.globals, name) : local;
    }
    default: return {};
  }
}

}  // namespace importlock
