#include "target/permission.hpp"

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <functional>
#include <string>
#include <vector>

namespace importlock {

namespace {

/// A user of his own on a machine without Yama, who asks for a process of his own.
AccessFacts own_process() {
  AccessFacts facts;
  facts.our_user = 1000;
  facts.their_user = 1000;
  facts.same_user_namespace = true;
  return facts;
}

struct Case {
  std::string name;
  std::function<void(AccessFacts&)> change;
  std::string why;
};

const std::vector<Case> cases{
    {"another's process", [](AccessFacts& facts) { facts.their_user = 33; }, "to user 33"},
    {"a hidden process", [](AccessFacts& facts) { facts.their_user.reset(); }, "hidepid"},
    {"it gave up its dumps", [](AccessFacts& facts) { facts.dumpable = false; }, "not dumpable"},
    {"Yama lets ancestors", [](AccessFacts& facts) { facts.yama = 1; }, "ptrace_scope is 1"},
    {"Yama lets capabilities", [](AccessFacts& facts) { facts.yama = 2; }, "ptrace_scope is 2"},
    {"Yama lets nobody",
     [](AccessFacts& facts) {
       facts.yama = 3;
       facts.cap_sys_ptrace = true;
     },
     "ptrace_scope is 3"},
    {"root of a container", [](AccessFacts& facts) { facts.our_user = 0; }, "--cap-add=SYS_PTRACE"},
    {"a security module", [](AccessFacts& facts) { facts.cap_sys_ptrace = true; },
     "refuses it (SELinux or AppArmor)"},
    {"a filter of system calls",
     [](AccessFacts& facts) { facts.cap_sys_ptrace = facts.seccomp = true; },
     "refuses it (seccomp, SELinux or AppArmor)"},
    {"another user namespace is known",
     [](AccessFacts& facts) {
       facts.cap_sys_ptrace = facts.seccomp = true;
       facts.same_user_namespace = false;
     },
     "in another user namespace"},
    {"capabilities of a user namespace alone",
     [](AccessFacts& facts) {
       facts.cap_sys_ptrace = facts.seccomp = true;
       facts.initial_user_namespace = false;
       facts.same_user_namespace.reset();
     },
     "outside of this user namespace"},
    {"a user that the user namespace does not have",
     [](AccessFacts& facts) {
       facts.initial_user_namespace = facts.their_user_is_mapped = false;
       facts.same_user_namespace.reset();
       facts.their_user = 65534;
     },
     "outside of this user namespace"},
    {"a user namespace without capabilities",
     [](AccessFacts& facts) {
       facts.yama = 1;
       facts.initial_user_namespace = false;
       facts.same_user_namespace.reset();
     },
     "may live outside of this user namespace"},
    {"nothing else", [](AccessFacts&) {}, "CAP_SYS_PTRACE is missing"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(permission)

BOOST_AUTO_TEST_CASE(what_is_missing_is_named) {
  for (const auto& [name, change, why] : cases) {
    auto facts = own_process();
    change(facts);
    const auto said = why_denied(facts);
    BOOST_TEST(said.find(why) != said.npos, name << ": " << said);
    const bool blames = said.find("seccomp") != said.npos;
    BOOST_TEST(blames == (name == "a filter of system calls"), name);
  }
}

BOOST_AUTO_TEST_CASE(each_error_has_its_own_sentence) {
  const auto says = [](int error, const std::string& part) {
    const auto said = why_not_read(7, error);
    BOOST_TEST(said.find(part) != said.npos, said);
    BOOST_TEST((said.find("ended") != said.npos) == (error == ENOENT || error == ESRCH), said);
    BOOST_TEST(said.find('\n') == said.npos);
  };
  says(ENOENT, "process 7 has ended");
  says(ESRCH, "process 7 has ended");
  says(ENOMEM, "not enough memory");
  says(EMFILE, "ulimit -n");
  says(ENFILE, "fs.file-max");
  says(EIO, "Input/output error");
  says(ENOSYS, "process_vm_readv");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
