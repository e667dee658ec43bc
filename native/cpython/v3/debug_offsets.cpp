#include "cpython/v3/debug_offsets.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace importlock::v3 {

namespace {

constexpr std::uint64_t cookie = 0x7970'6775'6265'6478;  // "xdebugpy"
constexpr std::uint64_t at_version = 8;                  // PY_VERSION_HEX
constexpr std::uint64_t at_free_threaded = 16;
constexpr Layout::Offset most = 1 << 20;  // of a PyInterpreterState: some 2^18

bool has_offsets(Memory& memory, Address runtime) {
  std::uint64_t word = 0;
  return memory.try_read(runtime, std::as_writable_bytes(std::span(&word, 1))) && word == cookie;
}

}  // namespace

Layout told_layout(const Python3& table, Memory& memory, Address runtime) {
  auto layout = table.layout;
  if (table.debug_offsets.empty() || !has_offsets(memory, runtime)) return layout;
  const auto version = memory.value<std::uint64_t>(runtime + at_version);
  if (version >> 16 != (3U << 8 | table.minor)) {
    throw FormatError(fmt::format("its debug offsets are of version {}", to_hex(version)));
  }
  for (const auto& [at, field] : table.debug_offsets) {
    const auto offset = memory.value<std::uint64_t>(runtime + at);
    if (offset >= most) throw FormatError("its debug offsets are absurd");
    field(layout) = offset;
  }
  // They do not tell of imports.lock, which lies in the same structure as imports.modules.
  layout.runtime.interpreter_import_lock +=
      layout.interpreter_state.modules - table.layout.interpreter_state.modules;
  return layout;
}

bool is_free_threaded(Memory& memory, Address runtime) {
  return has_offsets(memory, runtime) &&
         memory.value<std::uint64_t>(runtime + at_free_threaded) != 0;
}

}  // namespace importlock::v3
