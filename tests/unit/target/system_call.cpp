#include "target/system_call.hpp"

#include <sys/syscall.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"

namespace importlock {

namespace {

/// Instructions from 0x1000 on.
class Code : public Memory {
 public:
  explicit Code(std::vector<std::uint32_t> words) : words_(std::move(words)) {}
  bool try_read(Address address, std::span<std::byte> into) override {
    const auto index = (address.value() - 0x1000) / 4;
    if (index >= words_.size() || into.size() != 4) return false;
    std::memcpy(into.data(), &words_[index], 4);
    return true;
  }

 private:
  std::vector<std::uint32_t> words_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(system_calls)

BOOST_AUTO_TEST_CASE(numbers_are_those_of_this_kernels_headers) {
  BOOST_TEST(system_call(Architecture::x86_64, SYS_read, {}).name == "read");
  BOOST_TEST(system_call(Architecture::x86_64, SYS_poll, {}).name == "poll");
  BOOST_TEST(system_call(Architecture::x86_64, SYS_wait4, {}).name == "wait4");
  BOOST_TEST(system_call(Architecture::x86_64, SYS_pselect6, {}).name == "pselect6");
  BOOST_TEST(system_call(Architecture::x86_64, 9999, {}).name == "9999");
  BOOST_TEST(system_call(Architecture::x86_64, -1, {}).name == "-1");
}

BOOST_AUTO_TEST_CASE(each_architecture_has_its_own_futex) {
  for (const auto& [architecture, number] : {std::pair(Architecture::x86_64, 202),
                                             {Architecture::i386, 240},
                                             {Architecture::i386, 422},
                                             {Architecture::aarch64, 98}}) {
    const auto call = system_call(architecture, number, {0x5000, 0x189, 0, 0, 0, 0});
    BOOST_TEST(call.name == "futex");
    BOOST_TEST((call.futex == Address{0x5000}));
    BOOST_TEST(!call.timed);
  }
}

BOOST_AUTO_TEST_CASE(only_a_wait_waits_on_the_word) {
  // FUTEX_WAKE | FUTEX_PRIVATE_FLAG.
  BOOST_TEST(!system_call(Architecture::x86_64, 202, {0x5000, 0x81}).futex.has_value());
  BOOST_TEST(system_call(Architecture::x86_64, 202, {0x5000, 0x80, 0, 0x7000}).timed);
}

BOOST_AUTO_TEST_CASE(a_restarted_call_is_told_by_its_arguments) {
  const auto restarted = [](const SystemCallArguments& arguments) {
    return system_call(Architecture::x86_64, 219, arguments);
  };
  const auto futex = restarted({0x7f0000005000, 0x189, 0, 0x7f0000007000});
  BOOST_TEST(futex.name == "futex");
  BOOST_TEST((futex.futex == Address{0x7f0000005000}));
  BOOST_TEST(futex.timed);
  BOOST_TEST(restarted({0x7f0000005000, 9, 0xffffffff, 0x7f0000007000}).name == "poll");
  BOOST_TEST(!restarted({0x7f0000005000, 0, 5, 0x7f0000007000}).futex.has_value());
  BOOST_TEST(restarted({0x7f0000005000, 0x7f0000006000}).name == "nanosleep");
  BOOST_TEST(restarted({1, 0, 0x7f0000006000}).name == "clock_nanosleep");
  BOOST_TEST(system_call(Architecture::i386, 0, {0xf7005000, 0x189, 0, 0xf7007000}).timed);
  BOOST_TEST(system_call(Architecture::x86_64, 0, {3}).name == "read");
}

BOOST_AUTO_TEST_CASE(a_call_cannot_end_with_any_result) {
  Code none({});
  CallRegisters registers{202, -512, Address{0x1000}, {0x5000, 0x189, 0, 0, 0, 0}};
  const auto waits = [&] {
    return system_call_in_registers(Architecture::x86_64, none, registers);
  };
  BOOST_TEST((waits() && (*waits())->futex == Address{0x5000}));
  registers.result = 0;
  BOOST_TEST((waits() && !*waits()));
  registers.result = -512 ^ 0x400;
  BOOST_TEST(!waits().has_value());
  registers.number = 34;  // pause
  BOOST_TEST(!waits().has_value());
  registers.result = -ENOENT;
  BOOST_TEST((waits() && !*waits()));
}

BOOST_AUTO_TEST_CASE(a_number_that_no_call_has_is_none) {
  Code memory({});
  const auto with = [&](std::int64_t number) {
    return system_call_in_registers(Architecture::x86_64, memory,
                                    {number, -512, Address{0x1004}, {}});
  };
  BOOST_TEST((with(34) && *with(34)));
  BOOST_TEST((with(-1) && !*with(-1)));
  BOOST_TEST(!with(34 + (std::int64_t{1} << 20)).has_value());
  BOOST_TEST(!with(-1 ^ (std::int64_t{1} << 40)).has_value());
}

BOOST_AUTO_TEST_CASE(arguments_of_i386_are_words) {
  const auto call = system_call(Architecture::i386, 240, {0xffffffff08050000, 0x189});
  BOOST_TEST((call.futex == Address{0x08050000}));
  BOOST_TEST(system_call(Architecture::i386, 102, {3, 0xbf000000}).name == "connect");
}

BOOST_AUTO_TEST_CASE(a_thread_of_aarch64_is_in_a_call_at_an_svc) {
  constexpr std::uint32_t svc = 0xd4000001, nop = 0xd503201f;
  const auto at = [](std::vector<std::uint32_t> code, const SystemCallArguments& arguments) {
    Code memory(std::move(code));
    return system_call_in_registers(Architecture::aarch64, memory,
                                    {98, std::nullopt, Address{0x1004}, arguments});
  };
  const SystemCallArguments wait{0x5000, 0x189};
  BOOST_TEST((*at({svc, nop}, wait))->name == "futex");
  BOOST_TEST((*at({nop, svc}, wait))->futex.has_value());
  BOOST_TEST(!at({nop, nop}, wait)->has_value());
  BOOST_TEST((*at({}, wait))->futex.has_value());
  BOOST_TEST((*at({0, 0}, wait))->futex.has_value());
  BOOST_TEST(!at({}, {3, 0x7000}).has_value());
  // Interrupted by the signal that ended it, and over.
  const auto interrupted = at({}, {static_cast<std::uint64_t>(-4), 0x189});
  BOOST_TEST((*interrupted)->name == "futex");
  BOOST_TEST(!(*interrupted)->futex.has_value());
  BOOST_TEST(!at({svc, nop}, {0, 0x189})->has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
