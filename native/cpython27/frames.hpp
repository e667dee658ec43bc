#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cpython27/bytecode.hpp"
#include "cpython27/objects.hpp"

namespace importlock {

/// A code object; the parts that frames share.
struct Code {
  std::string name;
  std::string file;
  int first_line = 0;
  std::vector<std::byte> line_table;  ///< co_lnotab
  std::vector<std::byte> bytes;       ///< co_code
  std::vector<Address> names;         ///< co_names
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

/// A function that a frame is calling.
struct Callee {
  Address object;
  std::string name;        ///< "posix.fork", "lock.acquire"; empty for what is not written in C
  Address first_argument;  ///< null where there is none
};

/// Reads frames, and what the byte code at f_lasti does in them.
class FrameReader {
 public:
  explicit FrameReader(Objects& objects) : objects_(objects) {}

  /// The frames from `innermost` outwards by f_back; `problem` says why the chain broke off.
  std::vector<RawFrame> chain(Address innermost, std::string& problem);

  /// The instruction that the frame executes.
  std::optional<Instruction> instruction(const RawFrame& frame) const;
  /// The name operand of that instruction.
  std::string name_operand(const RawFrame& frame, const Instruction& instruction);
  /// The C function that the frame is calling; nothing where it calls none.
  std::optional<Callee> callee(const RawFrame& frame);
  /// What a name of the frame is bound to: LOAD_FAST, LOAD_NAME, LOAD_GLOBAL, LOAD_DEREF.
  Address variable(const RawFrame& frame, const Instruction& load);
  /// The line of `offset` (Objects/codeobject.c, PyCode_Addr2Line).
  static int line_of(const Code& code, int offset);

 private:
  const Code* code(Address address);
  RawFrame frame(Address address);

  Objects& objects_;
  std::map<Address, Code> codes_;
};

}  // namespace importlock
