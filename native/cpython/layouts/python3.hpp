#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/architecture.hpp"
#include "cpython/layout.hpp"
#include "cpython/layouts/debug_offsets.hpp"
#include "cpython/names.hpp"
#include "cpython/opcode_table.hpp"

namespace importlock {

/// One minor version of CPython 3 on one architecture, as released: not pydebug.
struct Python3 {
  unsigned minor;
  Layout layout;
  const Names* names;
  const OpcodeTable* opcodes;
  std::uint64_t runtime_size;  ///< of _PyRuntime, which tells 3.7 to 3.10; 3.6 has none
  std::span<const DebugOffset> debug_offsets;  ///< since 3.13
  /// Of the newest, by which those after it are read that bear it out.
  std::span<const DebugSize> debug_sizes = {};
};

/// The table of that minor version; nothing where there is none.
std::optional<Python3> python3_table(unsigned minor, Architecture architecture);

/// The same of a build with --disable-gil.
std::optional<Python3> free_threaded_table(unsigned minor, Architecture architecture);

/// The newest minor version that there is a table for.
unsigned newest_python3();

/// The minor version whose _PyRuntime has that many bytes; nothing where none has.
std::optional<unsigned> minor_of_runtime(std::uint64_t size, Architecture architecture);

/// The versions that there are tables for, in words: "2.7 and 3.11".
std::string python3_versions(Architecture architecture);

}  // namespace importlock
