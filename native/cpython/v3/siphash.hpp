#pragma once

#include <cstdint>
#include <string_view>

namespace importlock::v3 {

/// The two words of a SipHash key: _Py_HashSecret (Python/bootstrap_hash.c).
struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

/// SipHash-1-3 or SipHash-2-4 of `bytes`, by the number of rounds for each word (Python/pyhash.c,
/// siphash13 and siphash24). Four rounds, or three, end it.
std::uint64_t siphash(SipKey key, unsigned rounds, std::string_view bytes);

}  // namespace importlock::v3
