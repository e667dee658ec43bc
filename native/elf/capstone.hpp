#pragma once

#include <capstone/capstone.h>

namespace importlock {

/// The functions of Capstone that are called here. To load the library, all tables of which have to
/// be relocated, takes as long as half a look, and only a program without symbols needs it: unless
/// it is linked statically, it is loaded when it is first asked for.
struct Capstone {
  decltype(&cs_open) open = nullptr;
  decltype(&cs_close) close = nullptr;
  decltype(&cs_option) option = nullptr;
  decltype(&cs_malloc) malloc = nullptr;
  decltype(&cs_free) free = nullptr;
  decltype(&cs_disasm_iter) disasm_iter = nullptr;
  decltype(&cs_insn_group) insn_group = nullptr;
  decltype(&cs_regs_access) regs_access = nullptr;
};

/// Throws Error where the library cannot be loaded.
const Capstone& capstone();

}  // namespace importlock
