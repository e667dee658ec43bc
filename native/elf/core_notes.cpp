#include "elf/core_notes.hpp"

#include <elf.h>

#include <algorithm>
#include <span>
#include <unordered_set>

#include "base/bytes.hpp"

namespace importlock {

namespace {

// Of those that are read, NT_AUXV is the largest: some 400 bytes.
constexpr std::uint64_t largest_note = 4096;
constexpr std::size_t most_threads = 16'384;
constexpr Lwp largest_lwp = 1 << 22;  // PID_MAX_LIMIT, Linux include/linux/threads.h

/// Where struct elf_prstatus (include/linux/elfcore.h) and elf_gregset_t (arch/*/include/asm/elf.h)
/// have what we read: bytes from the start, and indices of registers.
struct StatusLayout {
  std::uint64_t size, pid, registers;
  std::size_t call, counter;
  std::optional<std::size_t> result, thread_pointer;
  std::array<std::size_t, 6> arguments;
};

StatusLayout status_layout(Architecture architecture) {
  switch (architecture) {
    // struct user_regs_struct, arch/x86/include/asm/user_64.h: orig_rax 15, rip 16, rax 10,
    // fs_base 21; rdi, rsi, rdx, r10, r8, r9.
    case Architecture::x86_64: return {336, 32, 112, 15, 16, 10, 21, {14, 13, 12, 7, 9, 8}};
    // user_32.h: orig_ax 11, ip 12, ax 6; bx, cx, dx, si, di, bp.
    case Architecture::i386: return {144, 24, 72, 11, 12, 6, std::nullopt, {0, 1, 2, 3, 4, 5}};
    // struct user_pt_regs, arch/arm64/include/uapi/asm/ptrace.h: x0 to x30, sp, pc.
    case Architecture::aarch64:
      return {392, 32, 112, 8, 32, std::nullopt, std::nullopt, {0, 1, 2, 3, 4, 5}};
  }
  return {};
}

class Reader {
 public:
  explicit Reader(Architecture architecture)
      : architecture_(architecture), at_(status_layout(architecture)) {}

  void read_status(std::span<const std::byte> status, CoreNotes& notes) const {
    const auto lwp = load<std::int32_t>(status, at_.pid);
    if (status.size() != at_.size || !lwp || *lwp <= 0 || *lwp > largest_lwp) {
      notes.whole = false;
      return;
    }
    CoreThread thread;
    thread.lwp = *lwp;
    const auto unsigned_at = [&](std::size_t index) { return word(status, index).value_or(0); };
    const auto signed_at = [&](std::size_t index, std::int64_t otherwise) {
      const auto value = word(status, index);
      if (!value) return otherwise;
      return word_size(architecture_) == 4 ? std::int64_t{static_cast<std::int32_t>(*value)}
                                           : static_cast<std::int64_t>(*value);
    };
    thread.call = signed_at(at_.call, -1);
    if (at_.result) thread.result = signed_at(*at_.result, 0);
    for (std::size_t i = 0; i < at_.arguments.size(); ++i) {
      thread.arguments[i] = unsigned_at(at_.arguments[i]);
    }
    thread.counter = Address{unsigned_at(at_.counter)};
    if (at_.thread_pointer) thread.ident = PthreadId{unsigned_at(*at_.thread_pointer)};
    notes.threads.push_back(thread);
  }

  void read_information(std::span<const std::byte> information, CoreNotes& notes) const {
    // struct elf_prpsinfo: pr_pid follows four chars, a long and the ids of user and group, which
    // have 16 bits on i386.
    notes.pid = load<std::int32_t>(information, architecture_ == Architecture::i386 ? 12 : 24);
  }

  void read_auxiliary(std::span<const std::byte> vector, CoreNotes& notes) const {
    const std::uint64_t size = word_size(architecture_);
    for (std::uint64_t at = 0; at + 2 * size <= vector.size(); at += 2 * size) {
      const auto number = [&](std::uint64_t offset) {
        return size == 8 ? load<std::uint64_t>(vector, offset).value_or(0)
                         : load<std::uint32_t>(vector, offset).value_or(0);
      };
      if (number(at) == AT_PHDR) notes.program_headers = Address{number(at + size)};
    }
  }

 private:
  [[nodiscard]] std::optional<std::uint64_t> word(std::span<const std::byte> status,
                                                  std::size_t index) const {
    const std::uint64_t size = word_size(architecture_);
    const auto offset = at_.registers + index * size;
    if (size == 8) return load<std::uint64_t>(status, offset);
    return load<std::uint32_t>(status, offset);
  }

  Architecture architecture_;
  StatusLayout at_;
};

}  // namespace

CoreNotes read_core_notes(const ElfFile& core, Architecture architecture) {
  CoreNotes notes;
  const Reader reader(architecture);
  auto most = ElfFile::most_note_bytes;
  for (const auto& segment : core.note_segments()) {
    std::size_t statuses = 0, float_registers = 0;
    const auto visit = [&](std::uint32_t type, std::uint64_t offset, std::uint64_t size) {
      statuses += type == NT_PRSTATUS ? 1 : 0;
      float_registers += type == NT_FPREGSET ? 1 : 0;
      if (type != NT_PRSTATUS && type != NT_PRPSINFO && type != NT_AUXV) return true;
      std::vector<std::byte> contents(std::min(size, largest_note));
      contents.resize(core.read_at(offset, contents));
      if (type == NT_PRSTATUS) reader.read_status(contents, notes);
      if (type == NT_PRPSINFO) reader.read_information(contents, notes);
      if (type == NT_AUXV) reader.read_auxiliary(contents, notes);
      return notes.threads.size() < most_threads;
    };
    notes.whole = core.for_each_note(segment, most, visit) && notes.whole;
    // Linux fs/binfmt_elf.c, fill_note_info: of each thread NT_PRSTATUS comes first.
    if (float_registers > statuses || notes.threads.size() >= most_threads) notes.whole = false;
  }
  std::unordered_set<Lwp> seen;
  const auto again = [&](const CoreThread& thread) { return !seen.insert(thread.lwp).second; };
  if (std::erase_if(notes.threads, again) > 0) notes.whole = false;
  return notes;
}

}  // namespace importlock
