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

std::string at_odds(const Python3& table, Memory& memory, Address runtime) {
  try {
    if (table.debug_sizes.empty() || !has_offsets(memory, runtime))
      return "it has no debug offsets";
    const auto told = [&](std::uint64_t at) { return memory.value<std::uint64_t>(runtime + at); };
    const auto differs = [](std::uint64_t at, std::uint64_t is, std::uint64_t expected) {
      return fmt::format("its debug offset at {} is {} and not {}", at, is, expected);
    };
    const auto version = told(at_version);
    if (version >> 16 != (3U << 8 | table.minor)) {
      return fmt::format("its debug offsets are of version {}", to_hex(version));
    }
    for (const auto& [at, size] : table.debug_sizes.subspan(1)) {
      if (const auto is = told(at); is != size) return differs(at, is, size);
    }
    auto layout = table.layout;
    for (const auto& [at, field] : table.debug_offsets) {
      const auto is = told(at);
      if (at > table.debug_sizes[1].at && is != field(layout))
        return differs(at, is, field(layout));
    }
    return {};
  } catch (const FaultError& error) {
    return error.what();
  }
}

bool has_known_interpreter_state(const Python3& table, Memory& memory, Address runtime) {
  const auto& [at, size] = table.debug_sizes.front();
  return memory.value<std::uint64_t>(runtime + at) == size;
}

bool is_free_threaded(Memory& memory, Address runtime) {
  return has_offsets(memory, runtime) &&
         memory.value<std::uint64_t>(runtime + at_free_threaded) != 0;
}

}  // namespace importlock::v3
