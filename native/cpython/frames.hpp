#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cpython/v2/bytecode.hpp"
#include "cpython/objects.hpp"

namespace importlock {

/// A code object; the parts that frames share.
struct Code {
  std::string name;
  std::string file;
  int first_line = 0;
  std::vector<std::byte> line_table;  ///< co_lnotab
  std::vector<std::byte> bytes;       ///< co_code
  std::vector<Address> names;         ///< co_names
  std::vector<Address> variables;     ///< co_varnames: arguments first
  std::uint32_t arguments = 0;        ///< co_argcount
  std::uint32_t locals = 0;           ///< co_nlocals
  std::uint32_t stack_size = 0;       ///< co_stacksize
};

/// A frame as it lies in the target.
struct RawFrame {
  Address address;
  Address code_address;
  const Code* code = nullptr;  ///< null where the code object could not be read
  Address back, globals, locals, value_stack;
  Address fast_locals;  ///< f_localsplus
  int lasti = -1;
  int line = 0;
};

/// A function written in C that a frame is calling.
struct Callee {
  Address object;
  std::string name;        ///< "posix.fork", "thread.lock.acquire"
  Address self;            ///< m_self: null, or the object whose method it is
  Address first_argument;  ///< null where there is none
};

/// A block that a frame is in (PyTryBlock, Include/frameobject.h).
struct Block {
  Opcode type{};            ///< setup_with, setup_finally …
  std::size_t handler = 0;  ///< offset of its handler
  std::size_t level = 0;    ///< depth of the value stack when it was entered
};

/// Reads frames, and what the byte code at f_lasti does in them.
class FrameReader {
 public:
  explicit FrameReader(Objects& objects) : objects_(objects) {}

  /// The frames from `innermost` outwards by f_back, at most `most`; `problem` says why the chain
  /// broke off.
  std::vector<RawFrame> chain(Address innermost, std::size_t most, std::string& problem);

  /// The instruction that the frame executes.
  std::optional<Instruction> instruction(const RawFrame& frame) const;
  /// The name operand of that instruction.
  std::string name_operand(const RawFrame& frame, const Instruction& instruction);
  /// The C function that the frame is calling; nothing where it calls none.
  std::optional<Callee> callee(const RawFrame& frame);
  /// The blocks that the frame is in, outermost first. Throws FaultError, FormatError.
  std::vector<Block> blocks(const RawFrame& frame);
  /// A slot of the frame's value stack; null past its end.
  Address stack_slot(const RawFrame& frame, std::size_t slot);
  /// How deep the value stack can be at the frame's instruction.
  const std::vector<int>& stack_depths(const RawFrame& frame);
  /// The function of C that `object` is, or nothing.
  std::optional<Callee> c_function(Address object);
  /// The value of argument `index`, which lies first in the fast locals.
  Address argument(const RawFrame& frame, std::size_t index);
  /// What a name of the frame is bound to: LOAD_FAST, LOAD_NAME, LOAD_GLOBAL, LOAD_DEREF; null
  /// where it is not, and for any other instruction.
  Address variable(const RawFrame& frame, const Instruction& load);
  /// The line of `offset` (Objects/codeobject.c, PyCode_Addr2Line). Throws LimitError.
  int line_of(const Code& code, int offset);
  /// The instruction at `offset`, where byte code is followed; nothing past its end. Throws
  /// LimitError where more was followed than programs have.
  std::optional<Instruction> step(const RawFrame& frame, std::size_t offset);

 private:
  const Code* code(Address address);
  RawFrame frame(Address address);
  /// Takes from what may be followed of byte code and line tables.
  void follow(std::size_t steps);

  Objects& objects_;
  std::size_t followed_ = 0;    ///< instructions and pairs of line tables
  std::size_t code_bytes_ = 0;  ///< of what codes_ keeps
  std::unordered_map<Address, Code> codes_;
  /// By code object and f_lasti: recursive frames and idle workers ask for the same again.
  std::unordered_map<Address, std::unordered_map<int, std::vector<int>>> depths_;
};

}  // namespace importlock
