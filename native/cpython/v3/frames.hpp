#pragma once

#include "cpython/frames.hpp"
#include "cpython/v3/opcodes.hpp"

namespace importlock {

/// The frames of CPython 3.11 and later: `_PyInterpreterFrame`, code with inline caches, exception
/// and location tables.
class AdaptiveFrames : public FrameReader {
 public:
  AdaptiveFrames(Objects& objects, const OpcodeTable& opcodes)
      : FrameReader(objects),
        opcodes_(opcodes),
        callable_first_(opcodes.callable_first),
        above_iterator_(opcodes.above_iterator) {}

  std::vector<Block> blocks(const RawFrame& frame) override;
  [[nodiscard]] bool enters(const Instruction& instruction, const Block& block) const override;
  [[nodiscard]] bool enters_with(const RawFrame& frame,
                                 const Instruction& instruction) const override;
  Address local(const RawFrame& frame, std::size_t index) override;
  /// Whether the code object can be of the version whose opcodes these are.
  bool fits(Address code);

 protected:
  void read_code(Address address, Code& code) override;
  RawFrame read_frame(Address address) override;
  [[nodiscard]] std::optional<Instruction> instruction_at(const Code& code,
                                                          std::size_t offset) const override;
  [[nodiscard]] std::vector<int> depths_at(const Code& code, std::size_t offset) const override;
  [[nodiscard]] int line_at(const Code& code, int offset) const override;
  [[nodiscard]] bool is_call(const Instruction& instruction) const override;
  std::optional<Callee> called(const RawFrame& frame, const Instruction& instruction,
                               int depth) override;
  Address cell(const RawFrame& frame, std::size_t index) override;
  [[nodiscard]] bool marks_entries() const override {
    return !objects().layout().interpreter_frame.stacktop;
  }

 private:
  /// Where the instructions begin that the frame executes of its code.
  [[nodiscard]] Address start_of_code(Address frame, Address code);
  [[nodiscard]] Block::Kind kind_of_handler(const Code& code, std::size_t handler) const;
  /// Where what `handler` protects begins.
  [[nodiscard]] static std::size_t start_of_block(const Code& code, std::size_t handler);
  [[nodiscard]] static bool ends_in_a_cell(const Code& code, std::size_t index);

  v3::Opcodes opcodes_;
  bool callable_first_;
  int above_iterator_;
};

}  // namespace importlock
