#include "cpython/v3/siphash.hpp"

#include <bit>
#include <cstddef>
#include <span>

#include "base/bytes.hpp"

namespace importlock::v3 {

namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void mix(unsigned rounds) {
    for (unsigned i = 0; i < rounds; ++i) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  }
};

}  // namespace

std::uint64_t siphash(SipKey key, unsigned rounds, std::string_view bytes) {
  State state{key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d, key.k0 ^ 0x6c7967656e657261,
              key.k1 ^ 0x7465646279746573};
  const auto add = [&](std::uint64_t word) {
    state.v3 ^= word;
    state.mix(rounds);
    state.v0 ^= word;
  };
  constexpr std::size_t word_size = sizeof(std::uint64_t);
  const auto all = std::as_bytes(std::span(bytes));
  std::size_t at = 0;
  for (; bytes.size() - at >= word_size; at += word_size) add(*load<std::uint64_t>(all, at));
  auto last = std::uint64_t{bytes.size()} << 56;
  for (std::size_t i = 0; at + i < bytes.size(); ++i) {
    last |= std::to_integer<std::uint64_t>(all[at + i]) << (8 * i);
  }
  add(last);
  state.v2 ^= 0xff;
  state.mix(rounds + 2);
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace importlock::v3
