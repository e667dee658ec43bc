#include "elf/code_accesses.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <unordered_map>

#include "elf/capstone.hpp"
#include "elf/code_step.hpp"

namespace importlock {

namespace {

// The functions that we ask for have 8 to 400 bytes in all builds looked at.
constexpr std::uint64_t most_code_bytes = 8192;
constexpr std::size_t most_branch_targets = 512;
constexpr int most_passes = 16;

class Decoder {
 public:
  explicit Decoder(Architecture architecture) {
    const auto arch = architecture == Architecture::aarch64 ? CS_ARCH_ARM64 : CS_ARCH_X86;
    const auto mode = architecture == Architecture::x86_64 ? CS_MODE_64
                      : architecture == Architecture::i386 ? CS_MODE_32
                                                           : CS_MODE_ARM;
    const auto status = capstone().open(arch, mode, &handle_);
    if (status == CS_ERR_MEM) throw std::bad_alloc();
    if (status != CS_ERR_OK) return;
    if (capstone().option(handle_, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK) return;
    instruction_ = capstone().malloc(handle_);
    if (instruction_ == nullptr) {
      capstone().close(&handle_);
      throw std::bad_alloc();
    }
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() {
    if (instruction_ != nullptr) capstone().free(instruction_, 1);
    if (handle_ != 0) capstone().close(&handle_);
  }

  [[nodiscard]] csh handle() const { return handle_; }

  /// The next instruction of `code`, which moves on behind it; null where it cannot be decoded.
  const cs_insn* next(std::span<const std::byte>& code, std::uint64_t& address) {
    if (instruction_ == nullptr) return nullptr;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(code.data());
    auto left = code.size();
    if (!capstone().disasm_iter(handle_, &bytes, &left, &address, instruction_)) return nullptr;
    code = code.subspan(code.size() - left);
    return instruction_;
  }

 private:
  csh handle_ = 0;
  cs_insn* instruction_ = nullptr;
};

std::uint64_t cut(std::uint64_t value, unsigned width) {
  return width >= 8 ? value : value & ((std::uint64_t{1} << (8 * width)) - 1);
}

/// Follows what is known through one function until nothing more changes.
class FunctionWalk {
 public:
  FunctionWalk(Architecture architecture, LinkAddress start, std::span<const std::byte> code,
               const CodeReader& elsewhere)
      : architecture_(architecture),
        decoder_(architecture),
        start_(static_cast<std::uint64_t>(start)),
        code_(code),
        elsewhere_(elsewhere),
        nothing_known_(word_size(architecture), architecture == Architecture::aarch64
                                                    ? aarch64_stack_pointer
                                                    : x86_stack_pointer) {}

  std::optional<std::vector<CodeAccess>> run() {
    for (int i = 0; i < most_passes; ++i) {
      changed_ = false;
      if (!pass(false)) return std::nullopt;
      if (changed_) continue;
      // Now also what only code outside the function's symbol leads to, such as its ".cold" part.
      if (!pass(true)) return std::nullopt;
      return accesses_;
    }
    return std::nullopt;
  }

 private:
  /// Goes over the code once, in order; false where it cannot be decoded.
  bool pass(bool unreached_too) {
    accesses_.clear();
    auto state = nothing_known_;
    bool reached = true;
    auto code = code_;
    auto address = start_;
    while (!code.empty()) {
      if (const auto other = arriving_.find(address); other != arriving_.end()) {
        if (reached && !unreached_too) changed_ = other->second.meet(state) || changed_;
        state = other->second;
        reached = true;
      } else if (!reached && unreached_too) {
        state = nothing_known_;
        reached = true;
      }
      const auto* instruction = decoder_.next(code, address);
      if (instruction == nullptr) return false;
      if (!reached) continue;
      const auto flow =
          architecture_ == Architecture::aarch64
              ? step_aarch64(decoder_.handle(), *instruction, state, accesses_)
              : step_x86(decoder_.handle(), *instruction, state, accesses_, elsewhere_);
      reached = flow.falls_through;
      if (flow.branch && !unreached_too) arrive(*flow.branch, state);
    }
    return true;
  }

  void arrive(std::uint64_t target, const CodeState& state) {
    if (target < start_ || target - start_ >= code_.size()) return;
    const auto entry = arriving_.find(target);
    if (entry != arriving_.end()) {
      changed_ = entry->second.meet(state) || changed_;
    } else if (arriving_.size() < most_branch_targets) {
      arriving_.emplace(target, state);
      changed_ = true;
    }
  }

  Architecture architecture_;
  Decoder decoder_;
  std::uint64_t start_;
  std::span<const std::byte> code_;
  const CodeReader& elsewhere_;
  CodeState nothing_known_;
  /// What is known at each branch target, on all ways there that were found so far.
  std::unordered_map<std::uint64_t, CodeState> arriving_;
  bool changed_ = false;
  std::vector<CodeAccess> accesses_;
};

}  // namespace

CodeValue load_value(const CodeState& state, const CodeValue& address, unsigned width,
                     std::vector<CodeAccess>& accesses) {
  if (address.kind == CodeValue::Kind::stack) return state.stack_slot(address.number, width);
  if (address.kind == CodeValue::Kind::number) {
    accesses.push_back({LinkAddress{address.number}, width, CodeAccess::Kind::load, std::nullopt});
  }
  return {};
}

void store_value(CodeState& state, const CodeValue& address, unsigned width, const CodeValue& value,
                 std::vector<CodeAccess>& accesses) {
  if (address.kind == CodeValue::Kind::stack) state.set_stack_slot(address.number, width, value);
  if (address.kind != CodeValue::Kind::number) return;
  const auto stored = value.kind == CodeValue::Kind::number
                          ? std::optional(cut(value.number, width))
                          : std::nullopt;
  accesses.push_back({LinkAddress{address.number}, width, CodeAccess::Kind::store, stored});
}

std::optional<std::vector<CodeAccess>> code_accesses(Architecture architecture, LinkAddress start,
                                                     std::span<const std::byte> code,
                                                     const CodeReader& elsewhere) {
  if (code.empty() || code.size() > most_code_bytes) return std::nullopt;
  return FunctionWalk(architecture, start, code, elsewhere).run();
}

std::optional<std::vector<CodeAccess>> variable_accesses(const ElfFile& file,
                                                         const Symbol& function) {
  const auto architecture = architecture_of_machine(file.machine());
  if (!architecture || function.size == 0 || function.size > most_code_bytes) return std::nullopt;
  std::vector<std::byte> code(function.size);
  if (!file.read_constant(function.address, code)) return std::nullopt;
  auto accesses = code_accesses(*architecture, function.address, code,
                                [&](LinkAddress address, std::span<std::byte> into) {
                                  return file.read_constant(address, into);
                                });
  if (accesses) {
    std::erase_if(*accesses, [&](const CodeAccess& access) {
      return !file.holds_variable(access.address, access.width);
    });
  }
  return accesses;
}

}  // namespace importlock
