#include "elf/code_accesses.hpp"

#include <array>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <random>

#include "../interpreter_files.hpp"

namespace importlock {

namespace {

namespace data = boost::unit_test::data;

using Bytes = std::vector<std::uint8_t>;

std::optional<std::vector<CodeAccess>> accesses(
    Architecture architecture, const Bytes& code,
    const CodeReader& elsewhere = [](auto, auto) { return false; }) {
  return code_accesses(architecture, LinkAddress{0x1000}, std::as_bytes(std::span(code)),
                       elsewhere);
}

void check_store(const std::optional<std::vector<CodeAccess>>& found, std::uint64_t address,
                 unsigned width, std::uint64_t stored) {
  BOOST_REQUIRE(found.has_value());
  BOOST_REQUIRE(!found->empty());
  const auto& last = found->back();
  BOOST_TEST((last.kind == CodeAccess::Kind::store));
  BOOST_TEST(static_cast<std::uint64_t>(last.address) == address);
  BOOST_TEST(last.width == width);
  BOOST_TEST((last.stored == stored));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(code_accesses_of_functions)

BOOST_AUTO_TEST_CASE(constants_go_through_registers) {
  // xor %eax,%eax; mov %eax,0x10(%rip); ret
  check_store(
      accesses(Architecture::x86_64, {0x31, 0xc0, 0x89, 0x05, 0x10, 0x00, 0x00, 0x00, 0xc3}),
      0x1018, 4, 0);
  // orq $-1,0x10(%rip); ret
  check_store(
      accesses(Architecture::x86_64, {0x48, 0x83, 0x0d, 0x10, 0x00, 0x00, 0x00, 0xff, 0xc3}),
      0x1018, 8, ~std::uint64_t{0});
  // push $-1; pop %rax; mov %rax,0x10(%rip); ret
  check_store(accesses(Architecture::x86_64,
                       {0x6a, 0xff, 0x58, 0x48, 0x89, 0x05, 0x10, 0x00, 0x00, 0x00, 0xc3}),
              0x101a, 8, ~std::uint64_t{0});
  // adrp x0, 0x3000; add x0, x0, #0x10; mov x1, #-1; str x1, [x0, #8]; ret
  check_store(
      accesses(Architecture::aarch64, {0x00, 0x00, 0x00, 0xd0, 0x00, 0x40, 0x00, 0x91, 0x01, 0x00,
                                       0x80, 0x92, 0x01, 0x04, 0x00, 0xf9, 0xc0, 0x03, 0x5f, 0xd6}),
      0x3018, 8, ~std::uint64_t{0});
}

BOOST_AUTO_TEST_CASE(an_address_that_is_passed_is_told) {
  // lea 0x10(%rip),%rdi; call 0x2000; mov %rdi,%rax; call 0x2000; ret
  const auto found = accesses(Architecture::x86_64,
                              {0x48, 0x8d, 0x3d, 0x10, 0x00, 0x00, 0x00, 0xe8, 0xf4, 0x0f, 0x00,
                               0x00, 0x48, 0x89, 0xf8, 0xe8, 0xec, 0x0f, 0x00, 0x00, 0xc3});
  BOOST_REQUIRE(found.has_value());
  // The callee need not preserve it.
  BOOST_REQUIRE(found->size() == 1U);
  BOOST_TEST((found->front().kind == CodeAccess::Kind::argument));
  BOOST_TEST((found->front().address == LinkAddress{0x1017}));
}

BOOST_AUTO_TEST_CASE(a_thunk_tells_where_the_code_is) {
  // call 0x2000; add $0x3000,%ebx; movl $0,0x10(%ebx); ret
  const Bytes code{0xe8, 0xfb, 0x0f, 0x00, 0x00, 0x81, 0xc3, 0x00, 0x30, 0x00, 0x00,
                   0xc7, 0x83, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc3};
  const auto found =
      accesses(Architecture::i386, code, [](LinkAddress address, std::span<std::byte> into) {
        BOOST_TEST((address == LinkAddress{0x2000}));
        constexpr std::array<std::uint8_t, 8> thunk{0x8b, 0x1c, 0x24,
                                                    0xc3};  // mov (%esp),%ebx; ret
        std::ranges::transform(thunk, into.begin(), [](auto byte) { return std::byte{byte}; });
        return true;
      });
  check_store(found, 0x4015, 4, 0);
  BOOST_TEST(accesses(Architecture::i386, code)->empty());
}

BOOST_AUTO_TEST_CASE(a_place_kept_on_the_stack_is_found_again) {
  // call 1f; 1: pop %eax; add $0x1ffb,%eax; push %eax; xor %eax,%eax; pop %ecx;
  // movl $1,0x10(%ecx); ret
  check_store(accesses(Architecture::i386, {0xe8, 0x00, 0x00, 0x00, 0x00, 0x58, 0x05, 0xfb, 0x1f,
                                            0x00, 0x00, 0x50, 0x31, 0xc0, 0x59, 0xc7, 0x81, 0x10,
                                            0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xc3}),
              0x3010, 4, 1);
}

BOOST_AUTO_TEST_CASE(where_paths_meet_only_what_they_agree_in_is_known) {
  // xor %eax,%eax; test %edi,%edi; je 1f; mov $1,%eax; 1: mov %eax,0x10(%rip); ret
  const auto found =
      accesses(Architecture::x86_64, {0x31, 0xc0, 0x85, 0xff, 0x74, 0x05, 0xb8, 0x01, 0x00, 0x00,
                                      0x00, 0x89, 0x05, 0x10, 0x00, 0x00, 0x00, 0xc3});
  BOOST_REQUIRE(found.has_value());
  BOOST_REQUIRE(found->size() == 1U);
  BOOST_TEST(!found->front().stored.has_value());
}

BOOST_AUTO_TEST_CASE(code_that_is_not_whole_gives_nothing) {
  BOOST_TEST(!accesses(Architecture::x86_64, {}).has_value());
  BOOST_TEST(!accesses(Architecture::x86_64, {0x48, 0x83, 0x0d, 0x10}).has_value());
  BOOST_TEST(!accesses(Architecture::aarch64, {0x01, 0x04, 0x00}).has_value());
  BOOST_TEST(!accesses(Architecture::x86_64, Bytes(1'000'000, 0x90)).has_value());
}

BOOST_AUTO_TEST_CASE(any_bytes_are_borne) {
  std::mt19937 random(2718);
  for (const auto architecture :
       {Architecture::x86_64, Architecture::i386, Architecture::aarch64}) {
    std::size_t decoded = 0;
    for (int i = 0; i < 5000; ++i) {
      Bytes code((1 + random() % 16) * 4);
      std::ranges::generate(code, [&] { return static_cast<std::uint8_t>(random()); });
      const auto found = accesses(architecture, code, [&](LinkAddress, std::span<std::byte> into) {
        std::ranges::generate(into, [&] { return static_cast<std::byte>(random()); });
        return true;
      });
      if (found) ++decoded;
    }
    BOOST_TEST(decoded > 0U);
  }
}

BOOST_DATA_TEST_CASE(a_symbol_of_a_wrong_size_is_borne, data::make(interpreter_files()), path) {
  if (!at_hand(path)) return;
  const auto file = ElfFile::open(path);
  const std::array<std::string_view, 1> names{"_PyImport_ReInitLock"};
  const auto right = file.symbols(ElfFile::Table::dynsym, names).defined.begin()->second.front();
  const auto whole = variable_accesses(file, right);
  BOOST_REQUIRE(whole.has_value());
  for (std::uint64_t size = 0; size < right.size; ++size) {
    const auto part = variable_accesses(file, {right.address, size});
    if (part) BOOST_TEST(part->size() <= whole->size());
  }
  BOOST_TEST(!variable_accesses(file, {right.address, ~std::uint64_t{0}}).has_value());
  BOOST_TEST(!variable_accesses(file, {LinkAddress{~std::uint64_t{0}}, 16}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
