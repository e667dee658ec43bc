#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cpython/bytecode.hpp"
#include "cpython/objects.hpp"
#include "cpython/protected_range.hpp"

namespace importlock {

/// A code object; the parts that frames share.
struct Code {
  std::string name;    ///< empty where it could not be read
  std::string file;    ///< so is this
  bool named = false;  ///< both could
  int first_line = 0;
  std::vector<std::byte> line_table;           ///< co_lnotab or co_linetable
  std::vector<std::byte> bytes;                ///< of the instructions
  std::vector<Address> names;                  ///< co_names
  std::vector<Address> variables;              ///< names of the locals: arguments first
  std::vector<std::byte> variable_kinds;       ///< co_localspluskinds
  std::vector<ProtectedRange> ranges;          ///< co_exceptiontable
  std::uint32_t arguments = 0;                 ///< co_argcount
  std::uint32_t locals = 0;                    ///< co_nlocals
  std::uint32_t stack_size = 0;                ///< co_stacksize
  mutable std::unordered_map<int, int> lines;  ///< by offset, in so far as they were asked for
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
  bool is_entry = false;      ///< marks where C called the interpreter, and runs no code
  bool is_hidden = false;     ///< of code that the interpreter itself has in place of a program's
  bool calls_python = false;  ///< waits for a call that the interpreter has made without C
};

/// A function written in C that a frame is calling.
struct Callee {
  Address object;
  std::string name;        ///< "posix.fork", "thread.lock.acquire"
  Address self;            ///< m_self: null, or the object whose method it is
  Address first_argument;  ///< null where there is none
};

/// A block of a `with` or `try` statement that a frame is in.
struct Block {
  enum class Kind { with, try_finally, other };
  Kind kind = Kind::other;
  std::size_t handler = 0;  ///< offset of its handler
  std::size_t level = 0;    ///< depth of the value stack when it was entered
  std::size_t start = 0;    ///< offset of what it protects, where a table tells it
};

/// Reads frames, and what their byte code does at the instruction that they execute. What differs
/// between versions is virtual; v2/ and v3/ hold it.
class FrameReader {
 public:
  explicit FrameReader(Objects& objects) : objects_(objects) {}
  virtual ~FrameReader() = default;
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  [[nodiscard]] Objects& objects() const { return objects_; }

  /// The frames from `innermost` outwards by f_back, at most `most`; `problem` says why the chain
  /// broke off.
  std::vector<RawFrame> chain(Address innermost, std::size_t most, std::string& problem);

  /// The instruction that the frame executes.
  std::optional<Instruction> instruction(const RawFrame& frame) const;
  /// The name that an instruction's argument stands for.
  std::string name_operand(const RawFrame& frame, const Instruction& instruction);
  /// The C function that the frame is calling; nothing where it calls none.
  std::optional<Callee> callee(const RawFrame& frame);
  /// The blocks that the frame is in, outermost first. Throws FaultError, FormatError.
  virtual std::vector<Block> blocks(const RawFrame& frame) = 0;
  /// Whether `instruction` is the one that enters `block`.
  [[nodiscard]] virtual bool enters(const Instruction& instruction, const Block& block) const = 0;
  /// Whether `instruction` calls the __enter__ that a `with` statement begins with.
  [[nodiscard]] virtual bool enters_with(const RawFrame& frame,
                                         const Instruction& instruction) const;
  /// A slot of the frame's value stack; null past its end.
  Address stack_slot(const RawFrame& frame, std::size_t slot);
  /// How deep the value stack can be at the frame's instruction.
  const std::vector<int>& stack_depths(const RawFrame& frame);
  /// The function of C that `object` is, or nothing.
  std::optional<Callee> c_function(Address object);
  /// The value of argument `index`; null past their end.
  Address argument(const RawFrame& frame, std::size_t index) { return local(frame, index); }
  /// The value of the local variable `index`, arguments first; null where it is not bound.
  virtual Address local(const RawFrame& frame, std::size_t index) = 0;
  /// What a name of the frame is bound to: LOAD_FAST, LOAD_NAME, LOAD_GLOBAL, LOAD_DEREF; null
  /// where it is not, and for any other instruction.
  Address variable(const RawFrame& frame, const Instruction& load);
  /// The line of the instruction at `offset`. Throws LimitError.
  int line_of(const Code& code, int offset);
  /// The line at which the innermost loop begins that the frame is in; nothing where it is in none.
  /// Throws LimitError.
  std::optional<int> loop_around(const RawFrame& frame);
  /// The instruction at `offset`, where byte code is followed; nothing past its end. Throws
  /// LimitError where more was followed than programs have.
  std::optional<Instruction> step(const RawFrame& frame, std::size_t offset);

 protected:
  /// Reads the code object at `address`, which is one.
  virtual void read_code(Address address, Code& code) = 0;
  /// Reads the frame at `address`; its line is told by line_of where it is 0.
  virtual RawFrame read_frame(Address address) = 0;
  [[nodiscard]] virtual std::optional<Instruction> instruction_at(const Code& code,
                                                                  std::size_t offset) const = 0;
  /// How deep the value stack can be at the instruction at `offset`.
  virtual std::vector<int> depths_at(const Code& code, std::size_t offset) const = 0;
  [[nodiscard]] virtual int line_at(const Code& code, int offset) const = 0;
  [[nodiscard]] virtual bool is_call(const Instruction& instruction) const = 0;
  /// The C function that a call finds on a value stack of that depth; nothing where it is none.
  virtual std::optional<Callee> called(const RawFrame& frame, const Instruction& instruction,
                                       int depth) = 0;
  /// What the cell of LOAD_DEREF `index` holds.
  virtual Address cell(const RawFrame& frame, std::size_t index) = 0;

  /// Whether an entry stands in the chain wherever C has called the interpreter.
  [[nodiscard]] virtual bool marks_entries() const { return false; }
  /// An object as frames hold it: a _PyStackRef since 3.14, whose two lowest bits are flags
  /// (Include/internal/pycore_stackref.h).
  [[nodiscard]] static Address untagged(Address reference) {
    return Address{reference.value() & ~std::uint64_t{3}};
  }
  /// Number `index` of such, from `first` on.
  Address reference(Address first, std::size_t index) {
    return untagged(objects_.pointer(first + std::uint64_t{index} * objects_.layout().word));
  }
  /// The C function that `iter(function, end)` calls for its next item, or nothing.
  std::optional<Callee> iterated(Address iterator);
  /// The method of C that `method` is, called on `object`, or nothing.
  std::optional<Callee> c_method(Address method, Address object);
  const Code* code(Address address);

 private:
  RawFrame frame(Address address);
  /// Takes from what may be followed of byte code and line tables.
  void follow(std::size_t steps);

  Objects& objects_;
  std::size_t followed_ = 0;    ///< instructions and pairs of line tables
  std::size_t code_bytes_ = 0;  ///< of what codes_ keeps
  std::unordered_map<Address, Code> codes_;
  /// By code object and f_lasti: recursive frames and idle workers ask for the same again.
  std::unordered_map<Address, std::unordered_map<int, std::vector<int>>> depths_;
  std::unordered_map<Address, std::string> method_names_;
};

}  // namespace importlock
