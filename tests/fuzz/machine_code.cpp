// Machine code of a function, after a byte that names the architecture.

#include <algorithm>
#include <array>
#include <cstdint>

#include "elf/code_accesses.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace importlock;
  if (size == 0) return 0;
  constexpr std::array architectures{Architecture::x86_64, Architecture::i386,
                                     Architecture::aarch64};
  const auto code = std::as_bytes(std::span(data, size)).subspan(1);
  constexpr std::uint64_t start = 0x1000;
  const auto elsewhere = [&](LinkAddress address, std::span<std::byte> into) {
    const auto at = static_cast<std::uint64_t>(address);
    if (at < start || at - start > code.size() || code.size() - (at - start) < into.size()) {
      return false;
    }
    std::ranges::copy(code.subspan(at - start, into.size()), into.begin());
    return true;
  };
  code_accesses(architectures[data[0] % architectures.size()], LinkAddress{start}, code, elsewhere);
  return 0;
}
