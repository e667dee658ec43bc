#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/architecture.hpp"
#include "elf/elf_file.hpp"

namespace importlock {

/// What NT_PRSTATUS says of one thread.
struct CoreThread {
  Lwp lwp = 0;  ///< as the process's own pid namespace numbers it
  /// The number of its system call (orig_rax, orig_eax, x8); negative: in none.
  std::int64_t call = -1;
  std::optional<std::int64_t> result;  ///< rax, eax; AArch64 has no register of its own for it
  std::array<std::uint64_t, 6> arguments{};
  Address counter;
  std::optional<PthreadId> ident;  ///< fs_base of x86-64
};

struct CoreNotes {
  std::vector<CoreThread> threads;
  std::optional<int> pid;   ///< NT_PRPSINFO
  Address program_headers;  ///< AT_PHDR of NT_AUXV; null where there is none
  bool whole = true;        ///< false where they break off, or name a thread that cannot be one
};

/// The notes of a core, which the kernel, gdb's gcore and qemu-user write alike. What is cut off or
/// malformed is passed over.
CoreNotes read_core_notes(const ElfFile& core, Architecture architecture);

}  // namespace importlock
