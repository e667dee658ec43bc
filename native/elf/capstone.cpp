#include "elf/capstone.hpp"

#ifdef IMPORTLOCK_CAPSTONE
#include <dlfcn.h>
#include <fmt/format.h>

#include <type_traits>

#include "base/error.hpp"
#endif

namespace importlock {

#ifdef IMPORTLOCK_CAPSTONE

namespace {

Capstone loaded() {
  void* const library = ::dlopen(IMPORTLOCK_CAPSTONE, RTLD_NOW | RTLD_LOCAL);
  const auto find = [&](auto& function, const char* name) {
    void* const symbol = library == nullptr ? nullptr : ::dlsym(library, name);
    if (symbol == nullptr) {
      throw Error(fmt::format(
          "no symbols, and Capstone, which takes their place, does not load: {}", ::dlerror()));
    }
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
  };
  Capstone result;
  find(result.open, "cs_open");
  find(result.close, "cs_close");
  find(result.option, "cs_option");
  find(result.malloc, "cs_malloc");
  find(result.free, "cs_free");
  find(result.disasm_iter, "cs_disasm_iter");
  find(result.insn_group, "cs_insn_group");
  find(result.regs_access, "cs_regs_access");
  return result;
}

}  // namespace

const Capstone& capstone() {
  static const auto result = loaded();
  return result;
}

#else

const Capstone& capstone() {
  static constexpr Capstone result{cs_open, cs_close,       cs_option,     cs_malloc,
                                   cs_free, cs_disasm_iter, cs_insn_group, cs_regs_access};
  return result;
}

#endif

}  // namespace importlock
