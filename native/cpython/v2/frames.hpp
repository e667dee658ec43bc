#pragma once

#include "cpython/frames.hpp"

namespace importlock {

/// The frames of CPython 2.7: frame objects with a block stack, and byte code in a str.
class Python2Frames : public FrameReader {
 public:
  using FrameReader::FrameReader;

  std::vector<Block> blocks(const RawFrame& frame) override;
  [[nodiscard]] bool enters(const Instruction& instruction, const Block& block) const override;
  Address local(const RawFrame& frame, std::size_t index) override;

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
};

}  // namespace importlock
