#include "base/architecture.hpp"

#include <elf.h>

namespace importlock {

std::string_view name_of(Architecture architecture) {
  switch (architecture) {
    case Architecture::x86_64: return "x86_64";
    case Architecture::i386: return "i386";
    case Architecture::aarch64: return "aarch64";
  }
  return "";
}

std::optional<Architecture> architecture_of_machine(int machine) {
  switch (machine) {
    case EM_X86_64: return Architecture::x86_64;
    case EM_386: return Architecture::i386;
    case EM_AARCH64: return Architecture::aarch64;
    default: return std::nullopt;
  }
}

}  // namespace importlock
