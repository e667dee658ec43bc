#include "cpython/variables.hpp"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <map>

#include "../interpreter_files.hpp"
#include "../scratch_file.hpp"
#include "base/error.hpp"
#include "cpython/static_variables.hpp"

namespace importlock {

namespace {

/// Eight-byte words at the addresses that were written; the rest cannot be read.
class Words : public Memory {
 public:
  void write(Address at, std::uint64_t value) { words_[at] = value; }
  bool try_read(Address address, std::span<std::byte> into) override {
    std::span<std::byte> rest = into;
    for (auto at = address; !rest.empty(); at = at + 8) {
      const auto word = words_.find(at);
      if (word == words_.end()) return false;
      const auto count = std::min<std::size_t>(rest.size(), 8);
      std::memcpy(rest.data(), &word->second, count);
      rest = rest.subspan(count);
    }
    return true;
  }

 private:
  std::map<Address, std::uint64_t> words_;
};

constexpr Address lock{0x10000}, interpreter{0x20000}, state{0x30000};
constexpr std::uint64_t owner = 0x7f0000001740;

/// Debian's stripped executable without its debug file, and a process of it that imports.
struct Stripped {
  ScratchFile copy{interpreter_folder() / "bullseye/root/usr/bin/python2.7"};
  ElfFile file = ElfFile::open(copy.path());
  StaticVariables at = variables_by_code(file);
  Target target;
  Words* memory = nullptr;
  std::vector<std::string> problems;

  Stripped() {
    auto words = std::make_unique<Words>();
    memory = words.get();
    target.memory = std::move(words);
    write(at.import_lock, lock.value());
    write(at.import_lock_thread, owner);
    write(at.import_lock_level, 1);
    write(at.interp_head, interpreter.value());
    write(at.interpreter_lock, 0);
    for (std::uint64_t offset = 0; offset < 32; offset += 8) memory->write(lock + offset, 0);
    memory->write(interpreter + 8, state.value());
    memory->write(state + 8, interpreter.value());
  }

  void write(const Known<LinkAddress>& variable, std::uint64_t value) {
    memory->write(LoadBias{} + variable.value(), value);
  }

  Variables find() {
    return find_variables(file, LoadBias{}, LockKind::semaphore, target, problems);
  }

  /// The import lock's variables are refused, for a reason that holds `why`.
  void check_refused(std::string_view why) {
    const auto found = find();
    BOOST_TEST(!found.import_lock);
    BOOST_TEST(!found.import_lock_thread);
    BOOST_TEST(!found.import_lock_level);
    BOOST_TEST(!found.found_by.has_value());
    BOOST_TEST(found.interp_head.has_value());
    BOOST_REQUIRE(problems.size() == 1U);
    BOOST_TEST(problems[0].starts_with("import_lock as the machine code of "));
    BOOST_TEST(problems[0].find(why) != std::string::npos, problems[0]);
  }
};

bool debian_is_there() { return at_hand(interpreter_folder() / "bullseye/root/usr/bin/python2.7"); }

}  // namespace

BOOST_AUTO_TEST_SUITE(variables)

BOOST_AUTO_TEST_CASE(code_that_memory_bears_out_is_used) {
  if (!debian_is_there()) return;
  Stripped process;
  const auto found = process.find();
  BOOST_TEST((found.found_by == FoundBy::code));
  BOOST_TEST((*found.import_lock == LoadBias{} + *process.at.import_lock));
  BOOST_TEST(found.interp_head.has_value());
  BOOST_TEST(found.interpreter_lock.has_value());
  BOOST_TEST(process.problems.empty());
}

BOOST_AUTO_TEST_CASE(a_lock_that_was_never_used_is_borne_out) {
  if (!debian_is_there()) return;
  Stripped process;
  process.write(process.at.import_lock, 0);
  process.write(process.at.import_lock_thread, ~std::uint64_t{0});
  process.write(process.at.import_lock_level, 0);
  BOOST_TEST((process.find().found_by == FoundBy::code));
  BOOST_TEST(process.problems.empty());
}

BOOST_AUTO_TEST_CASE(an_owner_without_a_level_is_refused) {
  if (!debian_is_there()) return;
  Stripped process;
  process.write(process.at.import_lock_level, 0);
  process.check_refused("it has the owner 0x7f0000001740, but the level 0");
}

BOOST_AUTO_TEST_CASE(a_level_without_an_owner_is_refused) {
  if (!debian_is_there()) return;
  Stripped process;
  process.write(process.at.import_lock_thread, ~std::uint64_t{0});
  process.check_refused("it has no owner, but the level 1");
}

BOOST_AUTO_TEST_CASE(an_owner_that_is_no_pthread_id_is_refused) {
  if (!debian_is_there()) return;
  Stripped process;
  process.write(process.at.import_lock_thread, 4711);
  process.check_refused("is no pthread id");
}

BOOST_AUTO_TEST_CASE(what_is_no_lock_is_refused) {
  if (!debian_is_there()) return;
  Stripped process;
  process.memory->write(lock, 42);
  process.check_refused("there is no lock at 0x10000");
}

BOOST_AUTO_TEST_CASE(an_owner_without_a_lock_is_refused) {
  if (!debian_is_there()) return;
  Stripped process;
  process.write(process.at.import_lock, 0);
  process.check_refused("it has an owner, but no lock");
}

BOOST_AUTO_TEST_CASE(memory_that_cannot_be_read_is_refused) {
  if (!debian_is_there()) return;
  Stripped process;
  process.write(process.at.import_lock, 0x40000);
  process.check_refused("0x40000");
}

BOOST_AUTO_TEST_CASE(an_interpreter_whose_thread_does_not_lead_back_is_refused) {
  if (!debian_is_there()) return;
  Stripped process;
  process.memory->write(state + 8, lock.value());
  const auto found = process.find();
  BOOST_TEST(!found.interp_head);
  BOOST_TEST((found.found_by == FoundBy::code));
  BOOST_REQUIRE(process.problems.size() == 1U);
  BOOST_TEST(process.problems[0].starts_with("interp_head as the machine code of "));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
