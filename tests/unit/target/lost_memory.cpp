#include "target/lost_memory.hpp"

#include <elf.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

namespace importlock {

namespace {

/// A core of three segments: .data of two pages, .text that was left out, .bss that was left out.
class Core {
 public:
  explicit Core(std::uint64_t size)
      : path_(std::filesystem::temp_directory_path() /
              ("lost_memory." + std::to_string(::getpid()))) {
    Elf64_Ehdr header{};
    std::copy_n(ELFMAG, SELFMAG, header.e_ident);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_CORE;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 3;
    const std::array<Elf64_Phdr, 3> segments{{
        {PT_LOAD, PF_R | PF_W, 0x1000, 0x10000, 0, 0x2000, 0x2000, 0x1000},
        {PT_LOAD, PF_R | PF_X, 0x3000, 0x20000, 0, 0, 0x1000, 0x1000},
        {PT_LOAD, PF_R | PF_W, 0x3000, 0x30000, 0, 0, 0x1000, 0x1000},
    }};
    std::ofstream stream(path_, std::ios::binary);
    stream.write(reinterpret_cast<const char*>(&header), sizeof header);
    stream.write(reinterpret_cast<const char*>(segments.data()), sizeof segments);
    stream.close();
    std::filesystem::resize_file(path_, size);
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;
  ~Core() { std::filesystem::remove(path_); }

  [[nodiscard]] LostMemory lost() const { return LostMemory(path_.string()); }

 private:
  std::filesystem::path path_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(lost_memory)

BOOST_AUTO_TEST_CASE(a_whole_core_lost_only_the_variables_that_were_left_out) {
  const auto lost = Core(0x3000).lost();
  BOOST_TEST(!lost.cut_short());
  BOOST_TEST(!lost.touches(Address{0x10000}, 0x2000));
  BOOST_TEST(!lost.touches(Address{0x20000}, 0x1000));
  BOOST_TEST(lost.touches(Address{0x30fff}, 1));
  BOOST_TEST(!lost.touches(Address{0x31000}, 1));
}

BOOST_AUTO_TEST_CASE(a_core_cut_short_lost_what_lay_behind_the_cut) {
  const auto lost = Core(0x2800).lost();
  BOOST_TEST(lost.cut_short());
  BOOST_TEST(!lost.touches(Address{0x11000}, 0x800));
  BOOST_TEST(lost.touches(Address{0x11000}, 0x801));
  BOOST_TEST(lost.touches(Address{0x11fff}, 1));
  BOOST_TEST(!lost.touches(Address{0x11fff}, 0));
  BOOST_TEST(!lost.touches(Address{0x20000}, 0x1000));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
