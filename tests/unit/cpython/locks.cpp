#include "cpython/locks.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstring>

#include "base/error.hpp"

namespace importlock {

namespace {

constexpr Address place{0x1000};

class FourWords : public Memory {
 public:
  explicit FourWords(std::array<std::uint32_t, 4> words) : words_(words) {}
  bool try_read(Address address, std::span<std::byte> into) override {
    if (address < place || address - place > sizeof words_ ||
        sizeof words_ - (address - place) < into.size()) {
      return false;
    }
    const auto bytes = std::as_bytes(std::span(words_));
    std::memcpy(into.data(), bytes.data() + (address - place), into.size());
    return true;
  }

 private:
  std::array<std::uint32_t, 4> words_;
};

bool locked(std::array<std::uint32_t, 4> words, Architecture architecture,
            LockKind kind = LockKind::semaphore) {
  FourWords memory(words);
  return *lock_facts(memory, place, kind, architecture).locked;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(locks)

BOOST_AUTO_TEST_CASE(a_semaphore_of_64_bits_holds_its_value_first) {
  for (const auto architecture : {Architecture::x86_64, Architecture::aarch64}) {
    BOOST_TEST(locked({0, 0, 0, 0}, architecture));
    BOOST_TEST(locked({0, 2, 0, 0}, architecture));
    BOOST_TEST(!locked({1, 0, 0, 0}, architecture));
    BOOST_TEST(!locked({1, 3, 0, 0}, architecture));
    BOOST_TEST(locked({0xffffffff, 1, 0x80, 0}, architecture));  // musl, with a waiter
  }
}

BOOST_AUTO_TEST_CASE(a_semaphore_of_32_bits_shifts_its_value) {
  BOOST_TEST(locked({0, 0, 0, 0}, Architecture::i386));
  BOOST_TEST(locked({1, 0, 0, 1}, Architecture::i386));
  BOOST_TEST(!locked({2, 0, 0, 0}, Architecture::i386));
  BOOST_TEST(!locked({3, 0, 0, 1}, Architecture::i386));
  BOOST_TEST(!locked({1, 0, 0x80, 0}, Architecture::i386));          // musl
  BOOST_TEST(locked({0xffffffff, 1, 0x80, 0}, Architecture::i386));  // musl, with a waiter
}

BOOST_AUTO_TEST_CASE(a_lock_of_mutex_and_condition_begins_with_locked) {
  BOOST_TEST(locked({1, 0, 0, 0}, Architecture::x86_64, LockKind::mutex_and_condition));
  BOOST_TEST(!locked({0xff00, 0, 0, 0}, Architecture::x86_64, LockKind::mutex_and_condition));
}

BOOST_AUTO_TEST_CASE(the_chunk_of_malloc_tells_a_lock_of_either_kind) {
  const auto kind = [](std::uint32_t chunk, std::uint64_t at) {
    FourWords memory({chunk, 0, 0, 0});
    return allocated_lock_kind(memory, Address{at}, Architecture::x86_64);
  };
  BOOST_TEST((kind(0x31, 0x1008) == LockKind::semaphore));
  BOOST_TEST((kind(0x71, 0x1008) == LockKind::mutex_and_condition));
  BOOST_TEST((kind(0x11, 0x1008) == LockKind::semaphore));
  BOOST_TEST((kind(0x1011, 0x1008) == LockKind::semaphore));
  BOOST_TEST((kind(0x71, 0) == LockKind::semaphore));
  BOOST_TEST((kind(0x71, 0x9000) == LockKind::semaphore));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_missing) {
  FourWords memory({});
  BOOST_TEST(!lock_facts(memory, Address{0x10}, LockKind::semaphore, Architecture::x86_64).locked);
  BOOST_TEST(lock_facts(memory, {}, LockKind::semaphore, Architecture::x86_64).address.is_null());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
