#include "render/json.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

namespace importlock {

BOOST_AUTO_TEST_SUITE(json_of_reports)

BOOST_AUTO_TEST_CASE(text_of_the_target_moves_no_terminal) {
  Report report;
  ThreadReport thread;
  // An escape, a C1 control, a bidi override, a byte that is no UTF-8.
  thread.facts.name = "\x1b[31m\xc2\x9b\xe2\x80\xae\xff";
  report.threads.push_back(thread);
  const auto json = render_json(report);
  BOOST_TEST(std::ranges::all_of(json, [](char c) { return c == '\n' || (c >= ' ' && c < 0x7f); }));
  BOOST_TEST(json.find(R"(\u001b[31m\u009b\u202e\ufffd)") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
