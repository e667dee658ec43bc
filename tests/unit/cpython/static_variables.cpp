#include "cpython/static_variables.hpp"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "../interpreter_files.hpp"
#include "../scratch_file.hpp"
#include "base/error.hpp"
#include "elf/debug_file.hpp"

namespace importlock {

namespace {

namespace data = boost::unit_test::data;
namespace fs = std::filesystem;

constexpr std::array members{&StaticVariables::import_lock, &StaticVariables::import_lock_thread,
                             &StaticVariables::import_lock_level, &StaticVariables::interp_head,
                             &StaticVariables::interpreter_lock};

std::string text(const Known<LinkAddress>& variable) {
  return variable ? to_hex(static_cast<std::uint64_t>(*variable)) : variable.why();
}

/// What the symbols of a file, or of its separate debug file, say.
StaticVariables by_any_symbols(const ElfFile& file) {
  auto found = variables_by_symbols(file, file);
  std::vector<std::string> refused;
  if (const auto debug = find_debug_file(file, {}, {}, refused); !found.import_lock && debug) {
    found = variables_by_symbols(file, *debug);
  }
  return found;
}

std::uint64_t file_offset(const ElfFile& file, LinkAddress address) {
  const auto start = static_cast<std::uint64_t>(address);
  for (const auto& segment : file.segments()) {
    const auto first = static_cast<std::uint64_t>(segment.address);
    if (first <= start && start - first < segment.file_size) {
      return segment.file_offset + (start - first);
    }
  }
  throw FormatError("no such address in " + file.path());
}

Symbol exported(const ElfFile& file, std::string_view name) {
  const std::array names{name};
  return file.symbols(ElfFile::Table::dynsym, names).defined.at(name).front();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(static_variables)

BOOST_DATA_TEST_CASE(code_and_symbols_agree, data::make(interpreter_files()), path) {
  if (!at_hand(path)) return;
  const auto file = ElfFile::open(path);
  const auto code = variables_by_code(file);
  const auto symbols = by_any_symbols(file);
  for (const auto member : members) {
    BOOST_REQUIRE_MESSAGE(symbols.*member, text(symbols.*member));
    BOOST_TEST(text(code.*member) == text(symbols.*member));
  }
}

// What 3.6 to 3.11 are read by, and 2.7 could be.
BOOST_DATA_TEST_CASE(the_code_that_releases_and_symbols_agree, data::make(interpreter_files()),
                     path) {
  if (!at_hand(path)) return;
  const auto file = ElfFile::open(path);
  const auto code = variables_by_code(file, ImportLockCode::release);
  const auto symbols = by_any_symbols(file);
  for (const auto member : {&StaticVariables::import_lock, &StaticVariables::import_lock_thread,
                            &StaticVariables::import_lock_level}) {
    BOOST_TEST(text(code.*member) == text(symbols.*member));
  }
}

// 3.6 to 3.11, by what a stripped build still exports.
BOOST_AUTO_TEST_CASE(the_code_of_python_3_and_its_symbols_agree) {
  const auto bullseye = interpreter_folder() / "python3.9-bullseye/root/usr";
  std::vector<fs::path> files{bullseye / "bin/python3.9", bullseye / "bin/python3.9d"};
  for (const auto& folder : pyenv_folders()) {
    for (const auto& entry : fs::directory_iterator(folder / "lib")) {
      const auto name = entry.path().filename().string();
      if (name.starts_with("libpython3.") && name.ends_with(".so.1.0")) files.push_back(entry);
    }
  }
  std::size_t locks = 0;
  for (const auto& path : files) {
    if (!at_hand(path)) continue;
    const auto file = ElfFile::open(path);
    auto symbols = variables_by_symbols(file, file, ImportLockCode::release);
    std::vector<std::string> refused;
    const std::vector<std::string> places{bullseye / "lib/debug"};
    if (const auto debug = find_debug_file(file, places, {}, refused);
        !symbols.import_lock && debug) {
      symbols = variables_by_symbols(file, *debug, ImportLockCode::release);
    }
    // Since 3.12 the lock is in the interpreter.
    if (!symbols.import_lock) continue;
    const auto code = variables_by_code(file, ImportLockCode::release);
    for (const auto member : {&StaticVariables::import_lock, &StaticVariables::import_lock_thread,
                              &StaticVariables::import_lock_level}) {
      BOOST_TEST(text(code.*member) == text(symbols.*member), path);
    }
    ++locks;
    // Only 3.6 has these.
    if (!symbols.gil_locked) continue;
    for (const auto member : {&StaticVariables::interp_head, &StaticVariables::gil_locked,
                              &StaticVariables::gil_cond}) {
      BOOST_REQUIRE_MESSAGE(symbols.*member, text(symbols.*member));
      BOOST_TEST(text(code.*member) == text(symbols.*member), path);
    }
  }
  BOOST_TEST_MESSAGE(locks << " files with an import lock");
  BOOST_TEST(locks >= 2U);
}

// Debian's own has no debug file here.
BOOST_AUTO_TEST_CASE(the_code_of_debians_own_python_3_is_understood) {
  const fs::path path = "/usr/bin/python3.11";
  if (!at_hand(path)) return;
  const auto code = variables_by_code(ElfFile::open(path), ImportLockCode::release);
  for (const auto member : {&StaticVariables::import_lock, &StaticVariables::import_lock_thread,
                            &StaticVariables::import_lock_level}) {
    BOOST_TEST((code.*member).has_value(), text(code.*member));
  }
}

// As other compilers than the distributions' would write the same functions.
BOOST_DATA_TEST_CASE(code_and_symbols_agree_at_every_optimisation,
                     data::make({"-O0", "-Os", "-O3 -fstack-protector-all -fcf-protection=full"}),
                     options) {
  const auto source = interpreter_folder() / "python27-static/src";
  if (!at_hand(source / "Python/import.c")) return;
  const ScratchFile library(source / "Python/import.c");
  const auto command =
      "cd '" + source.string() + "' && cc -shared -fPIC -std=gnu99 -w -fno-lto " + options +
      " -I. -IInclude -DPy_BUILD_CORE -DPLATLIBDIR='\"lib\"' Python/import.c Python/pystate.c"
      " Python/ceval.c -o " +
      library.path().string();
  BOOST_REQUIRE(std::system(command.c_str()) == 0);
  const auto file = ElfFile::open(library.path());
  const auto code = variables_by_code(file);
  const auto symbols = variables_by_symbols(file, file);
  for (const auto member : members) {
    BOOST_REQUIRE_MESSAGE(symbols.*member, text(symbols.*member));
    BOOST_TEST(text(code.*member) == text(symbols.*member));
  }
}

BOOST_AUTO_TEST_CASE(a_program_that_exports_nothing_has_its_functions_in_symtab) {
  const auto prefix = interpreter_folder() / "python27-static";
  const auto archive = prefix / "lib/python2.7/config/libpython2.7.a";
  const auto source = interpreter_folder() / "../fixtures/embed/linked.c";
  if (!at_hand(archive)) return;
  const ScratchFile program(source);
  const auto command = "cc -w -no-pie -I'" + (prefix / "include/python2.7").string() + "' '" +
                       source.string() + "' '" + archive.string() +
                       "' -lpthread -lutil -lm -ldl -o " + program.path().string() +
                       " 2> /dev/null";
  BOOST_REQUIRE(std::system(command.c_str()) == 0);
  const auto file = ElfFile::open(program.path());
  constexpr std::array<std::string_view, 1> names{"_PyImport_ReInitLock"};
  BOOST_REQUIRE(file.symbols(ElfFile::Table::dynsym, names).defined.empty());
  const auto code = variables_by_code(file);
  const auto symbols = variables_by_symbols(file, file);
  for (const auto member : members) {
    BOOST_REQUIRE_MESSAGE(symbols.*member, text(symbols.*member));
    BOOST_TEST(text(code.*member) == text(symbols.*member));
  }
}

BOOST_AUTO_TEST_CASE(symbols_of_another_program_do_not_count) {
  const auto root = interpreter_folder() / "bullseye/root/usr";
  const auto program = root / "bin/python2.7";
  if (!at_hand(program)) return;
  const auto file = ElfFile::open(program);
  const auto others = variables_by_symbols(
      file, ElfFile::open(root / "lib/x86_64-linux-gnu/libpython2.7_d.so.1.0"));
  for (const auto member : members) {
    BOOST_TEST((others.*member).why().find(" are not those of ") != std::string::npos);
  }
}

// A single wrong bit in the function that three variables are read from (every third, which takes
// in each bit of a byte): each of them is the right one, or none.
BOOST_DATA_TEST_CASE(damaged_code_misleads_nobody,
                     data::make({"bullseye", "bullseye-i386", "bullseye-arm64"}), folder) {
  const auto program = interpreter_folder() / folder / "root/usr/bin/python2.7";
  if (!at_hand(program)) return;
  const ScratchFile copy(program);
  const auto file = ElfFile::open(copy.path());
  const auto right = variables_by_code(file);
  const auto function = exported(file, "_PyImport_ReInitLock");
  std::vector<std::byte> code(function.size);
  BOOST_REQUIRE(file.read_constant(function.address, code));
  const auto offset = static_cast<off_t>(file_offset(file, function.address));
  const int descriptor = open(copy.path().c_str(), O_WRONLY | O_CLOEXEC);
  std::size_t missing = 0;
  for (std::size_t bit = 0; bit < code.size() * 8; bit += 3) {
    const auto at = offset + static_cast<off_t>(bit / 8);
    const auto damaged = code[bit / 8] ^ (std::byte{1} << (bit % 8));
    BOOST_REQUIRE(pwrite(descriptor, &damaged, 1, at) == 1);
    const auto found = variables_by_code(file);
    for (const auto member : members) {
      if (!(found.*member)) ++missing;
      BOOST_TEST((!(found.*member) || found.*member == right.*member), "bit " << bit);
    }
    BOOST_REQUIRE(pwrite(descriptor, &code[bit / 8], 1, at) == 1);
  }
  close(descriptor);
  BOOST_TEST(missing > 0U);
}

BOOST_AUTO_TEST_CASE(a_file_cut_short_gives_nothing) {
  const auto program = interpreter_folder() / "bullseye/root/usr/bin/python2.7";
  if (!at_hand(program)) return;
  const ScratchFile copy(program);
  const auto file = ElfFile::open(copy.path());
  BOOST_REQUIRE(variables_by_code(file).import_lock);
  fs::resize_file(copy.path(), 4096);
  for (const auto member : members) BOOST_TEST(!(variables_by_code(file).*member));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
