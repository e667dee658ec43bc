#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace importlock {

/// What is known of a register's contents: a number, which can be an address of the file; or a
/// place on the stack, in bytes from where the stack pointer stood at the start of the function.
struct CodeValue {
  enum class Kind : std::uint8_t { unknown, number, stack };
  Kind kind = Kind::unknown;
  std::uint64_t number = 0;  ///< 0 where unknown, so that values compare

  friend bool operator==(const CodeValue&, const CodeValue&) = default;
};

constexpr CodeValue code_number(std::uint64_t number) { return {CodeValue::Kind::number, number}; }

/// Wraps as the processor does; unknown where either is, or where two places are added.
CodeValue operator+(const CodeValue& a, const CodeValue& b);

/// Registers and stack slots between two instructions of a function.
class CodeState {
 public:
  using Register = std::size_t;
  static constexpr std::size_t register_count = 32;

  /// `word`: bytes of a pointer. All is unknown but the stack pointer.
  CodeState(unsigned word, Register stack_pointer);

  [[nodiscard]] unsigned word() const { return word_; }
  /// Unknown for a register that is out of range.
  [[nodiscard]] CodeValue get(Register number) const;
  /// Cuts numbers to the word.
  void set(Register number, const CodeValue& value);

  /// The `width` bytes at a place of the stack, where just those were stored.
  [[nodiscard]] CodeValue stack_slot(std::uint64_t place, unsigned width) const;
  void set_stack_slot(std::uint64_t place, unsigned width, const CodeValue& value);

  /// Keeps what both agree in: the state where two paths meet. Returns whether that is less.
  bool meet(const CodeState& other);

 private:
  struct Slot {
    unsigned width = 0;
    CodeValue value;
    friend bool operator==(const Slot&, const Slot&) = default;
  };

  unsigned word_;
  std::array<CodeValue, register_count> registers_{};
  std::map<std::uint64_t, Slot> slots_;
};

}  // namespace importlock
