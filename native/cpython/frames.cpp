#include "cpython/frames.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace importlock {

namespace {

// sys.setrecursionlimit is 1000 by default, and the C stack ends long before this.
constexpr std::size_t longest_chain = 20'000;
constexpr std::size_t most_codes = 100'000;
constexpr std::size_t most_code_bytes = std::size_t{16} << 20;  // what is on stacks: some 100 KiB
constexpr std::size_t most_names = 65536;
constexpr std::size_t most_followed = 20'000'000;
constexpr std::size_t most_methods = 1'000;  // whose names are remembered

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
    const auto name = objects_.text(objects_.pointer(address + at.co_name));
    const auto file = objects_.text(objects_.pointer(address + at.co_filename));
    code.named = name && file;
    code.name = name.value_or("");
    code.file = file.value_or("");
    code.first_line = memory.value<std::int32_t>(address + at.co_firstlineno);
    code.names = objects_.items(objects_.pointer(address + at.co_names), most_names);
    code.arguments = memory.value<std::uint32_t>(address + at.co_argcount);
    code.stack_size = memory.value<std::uint32_t>(address + at.co_stacksize);
    read_code(address, code);
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
  auto frame = read_frame(address);
  if (frame.code != nullptr && frame.line == 0) frame.line = line_of(*frame.code, frame.lasti);
  return frame;
}

std::vector<RawFrame> FrameReader::chain(Address innermost, std::size_t most,
                                         std::string& problem) {
  std::vector<RawFrame> frames;
  // Brent's algorithm: a frame remembered for twice as many steps as the one before is met again
  // where the chain is a loop.
  Address remembered;
  std::size_t next_power = 1;
  std::size_t steps = 0;
  bool entered = true;  // the frame before was called from C
  for (auto address = innermost; !address.is_null();) {
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
      remembered = frames.back().address;
      next_power *= 2;
    }
    if (frames.size() == std::min(most, longest_chain) || ++steps > 2 * longest_chain) {
      problem = "its frames do not end: the rest is not shown";
      break;
    }
    try {
      auto read = frame(address);
      address = read.back;
      if (!entered && marks_entries()) read.calls_python = true;
      entered = read.is_entry;
      if (read.code != nullptr && !read.code->named && problem.empty()) {
        problem = "a code object has no name";
      }
      if (!read.is_entry && !read.is_hidden) frames.push_back(read);
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
  return instruction_at(*frame.code, offset);
}

int FrameReader::line_of(const Code& code, int offset) {
  if (const auto known = code.lines.find(offset); known != code.lines.end()) return known->second;
  constexpr std::size_t pairs_per_step = 8;  // each takes that much less time
  follow(code.line_table.size() / 2 / pairs_per_step);
  return code.lines[offset] = line_at(code, offset);
}

std::optional<Instruction> FrameReader::instruction(const RawFrame& frame) const {
  if (frame.code == nullptr || frame.lasti < 0) return std::nullopt;
  return instruction_at(*frame.code, static_cast<std::size_t>(frame.lasti));
}

bool FrameReader::enters_with(const RawFrame& /*frame*/, const Instruction& instruction) const {
  return instruction.opcode == Opcode::setup_with;
}

std::string FrameReader::name_operand(const RawFrame& frame, const Instruction& instruction) {
  if (instruction.argument >= frame.code->names.size()) return "";
  return objects_.name(frame.code->names[instruction.argument]);
}

std::optional<Callee> FrameReader::c_function(Address object) {
  const auto& layout = objects_.layout();
  if (object.is_null()) return std::nullopt;
  const auto type = objects_.type_of(object);
  if (type != objects_.types().c_function && type != objects_.types().c_method) {
    return std::nullopt;
  }
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
    const bool told = type == objects_.types().c_method;
    const auto owner = told ? objects_.pointer(object + layout.c_function.mm_class)
                            : objects_.type_of(callee.self);
    callee.name = objects_.type_name(owner) + "." + name;
  } else {
    callee.name = name;
  }
  return callee;
}

std::optional<Callee> FrameReader::iterated(Address iterator) {
  // `for item in iter(queue.get, None)`
  if (!objects_.is(iterator, objects_.types().call_iterator)) return std::nullopt;
  return c_function(objects_.pointer(iterator + objects_.layout().call_iterator.it_callable));
}

std::optional<Callee> FrameReader::c_method(Address method, Address object) {
  const auto& layout = objects_.layout();
  if (!objects_.is(method, objects_.types().method_descriptor)) return std::nullopt;
  Callee callee;
  callee.object = method;
  callee.self = object;
  // What hostile memory makes us remember is bounded.
  if (method_names_.size() > most_methods) method_names_.clear();
  auto& name = method_names_[method];
  if (name.empty()) {
    const auto definition = objects_.pointer(method + layout.method_descriptor.d_method);
    name = objects_.type_name(objects_.pointer(method + layout.method_descriptor.d_type)) + "." +
           objects_.c_string(objects_.pointer(definition));
  }
  callee.name = name;
  return callee;
}

const std::vector<int>& FrameReader::stack_depths(const RawFrame& frame) {
  const auto [entry, fresh] = depths_[frame.code_address].try_emplace(frame.lasti);
  if (fresh && frame.lasti >= 0) {
    follow(frame.code->bytes.size());
    entry->second = depths_at(*frame.code, static_cast<std::size_t>(frame.lasti));
  }
  return entry->second;
}

Address FrameReader::stack_slot(const RawFrame& frame, std::size_t slot) {
  if (slot >= frame.code->stack_size) return {};
  return reference(frame.value_stack, slot);
}

std::optional<Callee> FrameReader::callee(const RawFrame& frame) {
  const auto instruction = this->instruction(frame);
  if (!instruction || frame.calls_python || !is_call(*instruction)) return std::nullopt;
  const auto& depths = stack_depths(frame);
  for (const int depth : depths) {
    try {
      if (auto callee = called(frame, *instruction, depth)) return callee;
    } catch (const Error&) {
      // A slot above the live depth holds garbage; the next depth may be the true one.
      if (depths.size() == 1) throw;
    }
  }
  return std::nullopt;
}

Address FrameReader::variable(const RawFrame& frame, const Instruction& load) {
  switch (load.opcode) {
    case Opcode::load_fast: return local(frame, load.argument);
    case Opcode::load_deref: return cell(frame, load.argument);
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

std::optional<int> FrameReader::loop_around(const RawFrame& frame) {
  if (frame.lasti < 0) return std::nullopt;
  const auto here = static_cast<std::size_t>(frame.lasti);
  std::optional<std::size_t> start;
  for (std::size_t at = 0; at < frame.code->bytes.size();) {
    const auto instruction = step(frame, at);
    if (!instruction) break;
    if (instruction->opcode == Opcode::jump_back && at >= here && instruction->argument <= here) {
      start = std::max<std::size_t>(start.value_or(0), instruction->argument);
    }
    at = instruction->next;
  }
  if (!start) return std::nullopt;
  return line_of(*frame.code, static_cast<int>(*start));
}

}  // namespace importlock
