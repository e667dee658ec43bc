#define BOOST_TEST_MODULE memory_contract
#include "target/memory.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "base/error.hpp"
#include "target/layered_memory.hpp"

// What every Memory promises (target/memory.hpp), over the same 10,000 bytes.

namespace importlock {

namespace {

constexpr Address first{0x10800};
constexpr std::size_t size = 10'000;

bool read_plain(Address address, std::span<std::byte> into) {
  if (address < first || address - first > size || size - (address - first) < into.size()) {
    return false;
  }
  auto value = address - first;
  std::ranges::generate(into, [&] { return static_cast<std::byte>(value++ & 0xff); });
  return true;
}

void keeps_the_contract(Memory& memory) {
  std::vector<std::byte> whole(size);
  memory.read(first, whole);
  BOOST_TEST((whole[0] == std::byte{0}));
  BOOST_TEST((whole[9'999] == static_cast<std::byte>(9'999 & 0xff)));
  BOOST_TEST(memory.value<std::uint16_t>(first + 0x7ff) == 0x00ffU);
  memory.read(first, {});
  for (const auto& [address, length] : {std::pair{first + (size - 1), std::size_t{2}},
                                        std::pair{Address{first.value() - 1}, std::size_t{1}},
                                        std::pair{Address{0}, std::size_t{8}},
                                        std::pair{Address{~std::uint64_t{3}}, std::size_t{8}}}) {
    const auto fails_there = [address = address, length = length](const FaultError& error) {
      return error.address() == address && error.size() == length;
    };
    BOOST_CHECK_EXCEPTION(static_cast<void>(memory.bytes(address, length)), FaultError,
                          fails_there);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(cached_memory) {
  CachedMemory memory(read_plain);
  keeps_the_contract(memory);
  keeps_the_contract(memory);
}

BOOST_AUTO_TEST_CASE(file_backed_memory_over_cached) {
  CachedMemory cached(read_plain);
  FileBackedMemory memory(cached);
  keeps_the_contract(memory);
}

BOOST_AUTO_TEST_CASE(cached_memory_fetches_a_piece_once) {
  int fetches = 0;
  CachedMemory memory([&](Address, std::span<std::byte> into) {
    ++fetches;
    std::ranges::fill(into, std::byte{1});
    return true;
  });
  for (std::uint64_t i = 0; i < 1000; ++i)
    static_cast<void>(memory.value<int>(Address{0x4000 + i}));
  BOOST_TEST(fetches == 1);
}

}  // namespace importlock
