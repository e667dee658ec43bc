#include "diagnosis/wait_graph.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <numeric>
#include <random>

#include "diagnosis/diagnose.hpp"

namespace importlock {

namespace {

using Node = WaitGraph::Node;
using TimeOuts = WaitGraph::TimeOuts;

Node running() { return {}; }
Node waits_for(std::size_t by) {
  Node node;
  node.blocked = true;
  node.by = by;
  return node;
}
Node waits_for_any() {
  Node node;
  node.blocked = true;
  node.any = true;
  return node;
}

/// Whether some order of the threads lets `wanted` go on: each must, at its turn, be free to. Every
/// order is tried, so this shares nothing with the fixpoint it judges.
bool some_schedule_frees(const std::vector<Node>& nodes, std::optional<std::size_t> gil_holder,
                         std::size_t wanted) {
  std::vector<std::size_t> order(nodes.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    std::vector<bool> done(nodes.size(), false);
    for (const auto i : order) {
      const auto& node = nodes[i];
      const bool others = std::ranges::any_of(order, [&](auto j) { return j != i && done[j]; });
      const bool free = !node.blocked || node.external || node.timed ||
                        (node.by ? done[*node.by] : node.any && others);
      const bool gil = !gil_holder || *gil_holder == i || done[*gil_holder];
      if (!free || !gil) break;
      done[i] = true;
      if (i == wanted) return true;
    }
  } while (std::ranges::next_permutation(order).found);
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wait_graph)

BOOST_AUTO_TEST_CASE(a_chain_that_ends_in_a_running_thread_can_progress) {
  const WaitGraph graph({waits_for(1), waits_for(2), running()}, {});
  for (const bool each : graph.can_progress(TimeOuts::end_the_wait, true, {})) BOOST_TEST(each);
}

BOOST_AUTO_TEST_CASE(a_cycle_cannot_and_holds_up_who_waits_for_it) {
  const WaitGraph graph({waits_for(1), waits_for(0), waits_for(0), running()}, {});
  const auto progress = graph.can_progress(TimeOuts::end_the_wait, true, {});
  BOOST_TEST(!progress[0]);
  BOOST_TEST(!progress[1]);
  BOOST_TEST(!progress[2]);
  BOOST_TEST(progress[3]);
  BOOST_TEST(graph.cycle_behind(2) == (std::vector<std::size_t>{0, 1}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(any_thread_that_can_go_on_ends_a_wait_for_any) {
  const WaitGraph stuck({waits_for_any(), waits_for(0)}, {});
  BOOST_TEST(!stuck.can_progress(TimeOuts::end_the_wait, true, {})[0]);
  const WaitGraph free({waits_for_any(), waits_for(0), running()}, {});
  BOOST_TEST(free.can_progress(TimeOuts::end_the_wait, true, {})[1]);
}

BOOST_AUTO_TEST_CASE(the_cycle_prefers_those_that_wait_for_its_start) {
  // 0 can be woken by any; 1 waits for any too, 2 waits for 0.
  const WaitGraph graph({waits_for_any(), waits_for_any(), waits_for(0)}, {});
  const auto progress = graph.can_progress(TimeOuts::end_the_wait, true, {});
  BOOST_TEST(graph.cycle_through(0, progress, {2}) == (std::vector<std::size_t>{0, 2}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(nobody_goes_on_without_the_gil) {
  auto holder = waits_for_any();
  const WaitGraph graph({holder, running(), waits_for(1)}, 0);
  const auto progress = graph.can_progress(TimeOuts::end_the_wait, true, {});
  BOOST_TEST(!progress[0]);
  BOOST_TEST(!progress[1]);
}

BOOST_AUTO_TEST_CASE(a_time_out_ends_a_wait_unless_it_is_ignored) {
  auto poll = waits_for(1);
  poll.timed = true;
  const WaitGraph once({poll, waits_for(0)}, {});
  BOOST_TEST(once.can_progress(TimeOuts::are_ignored_on_the_path, true, 0)[0]);
  poll.looped = true;
  const WaitGraph graph({poll, waits_for(0)}, {});
  BOOST_TEST(graph.can_progress(TimeOuts::end_the_wait, true, 0)[0]);
  BOOST_TEST(!graph.can_progress(TimeOuts::are_ignored_on_the_path, true, 0)[0]);
}

BOOST_AUTO_TEST_CASE(a_thread_outside_python_is_no_hope_unless_asked_for) {
  auto outsider = running();
  outsider.needs_gil = false;
  const WaitGraph graph({waits_for_any(), waits_for(0), outsider}, {});
  BOOST_TEST(!graph.can_progress(TimeOuts::end_the_wait, false, {})[0]);
  BOOST_TEST(graph.can_progress(TimeOuts::end_the_wait, true, {})[0]);
}

BOOST_AUTO_TEST_CASE(on_random_graphs_progress_is_what_some_schedule_allows) {
  std::mt19937 random(20240527);
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  for (int round = 0; round < 20000; ++round) {
    const std::size_t size = 1 + random() % 6;
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < size; ++i) {
      Node node;
      node.blocked = chance(80);
      if (node.blocked) {
        if (chance(60)) {
          node.by = random() % size;
        } else if (chance(70)) {
          node.any = true;
        } else {
          node.external = chance(40);
        }
        node.timed = chance(8);
      }
      nodes.push_back(node);
    }
    std::optional<std::size_t> gil_holder;
    if (chance(25)) gil_holder = random() % size;
    const WaitGraph graph(nodes, gil_holder);
    const auto progress = graph.can_progress(TimeOuts::end_the_wait, true, {});
    for (std::size_t i = 0; i < size; ++i) {
      BOOST_REQUIRE_EQUAL(progress[i], some_schedule_frees(nodes, gil_holder, i));
      const auto cycle = graph.cycle_through(i, progress, {});
      BOOST_REQUIRE(cycle.empty() || !progress[i]);
      for (std::size_t step = 0; step < cycle.size(); ++step) {
        const auto& node = nodes[cycle[step]];
        const auto next = cycle[(step + 1) % cycle.size()];
        BOOST_REQUIRE(!progress[cycle[step]]);
        BOOST_REQUIRE(node.by ? *node.by == next : node.any);
      }
    }
  }
}

// The same judge over whole snapshots: the verdict is deadlock exactly where no schedule frees some
// thread, as every lock here has a living holder.
BOOST_AUTO_TEST_CASE(on_random_snapshots_the_verdict_is_what_some_schedule_allows) {
  std::mt19937 random(19991231);
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  constexpr Address import_lock{0x1000};
  int deadlocks = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::size_t size = 2 + random() % 5;
    Snapshot snapshot;
    LockFacts lock;
    lock.address = import_lock;
    lock.size = 32;
    snapshot.import_lock.lock = lock;
    snapshot.import_lock.owner = std::optional(PthreadId{100});
    std::vector<Node> nodes(size);
    for (std::size_t i = 0; i < size; ++i) {
      ThreadFacts thread;
      thread.lwp = static_cast<Lwp>(i) + 1;
      thread.ident = PthreadId{100 + i};
      thread.python = true;
      if (i == 0) thread.import_lock_evidence = "import app";
      thread.system_call = std::optional<SystemCall>();
      const auto in_futex = [&](Address futex) {
        SystemCall call;
        call.name = "futex";
        call.futex = futex;
        thread.system_call = std::optional(call);
      };
      nodes[i].blocked = chance(85);
      if (!nodes[i].blocked) {
      } else if (i > 0 && chance(40)) {
        in_futex(import_lock);
        nodes[i].by = 0;
      } else if (chance(60)) {
        PythonWait wait;
        const auto target = random() % size;
        wait.kind = chance(50) ? PythonWait::Kind::join : PythonWait::Kind::rlock;
        wait.thread = PthreadId{100 + target};
        thread.wait = wait;
        in_futex(Address{0x9000});
        nodes[i].by = target;
      } else if (chance(70)) {
        PythonWait wait;
        wait.kind = chance(50) ? PythonWait::Kind::event : PythonWait::Kind::queue;
        thread.wait = wait;
        in_futex(Address{0x9000});
        nodes[i].any = true;
      } else {
        SystemCall call;
        call.name = "read";
        thread.system_call = std::optional(call);
        nodes[i].external = true;
      }
      snapshot.threads.push_back(thread);
    }
    bool stuck = false;
    for (std::size_t i = 0; i < size; ++i) stuck = stuck || !some_schedule_frees(nodes, {}, i);
    const auto report = diagnose(snapshot);
    const bool deadlock = report.verdict.kind == VerdictKind::deadlock;
    BOOST_REQUIRE_EQUAL(deadlock, stuck);
    if (!deadlock) continue;
    ++deadlocks;
    BOOST_REQUIRE(report.verdict.certain);
    BOOST_REQUIRE(!report.verdict.cycle.empty());
    for (std::size_t step = 0; step < report.verdict.cycle.size(); ++step) {
      const auto& cycle = report.verdict.cycle;
      const auto from = static_cast<std::size_t>(cycle[step] - 1);
      const auto to = static_cast<std::size_t>(cycle[(step + 1) % cycle.size()] - 1);
      BOOST_REQUIRE(nodes[from].by ? *nodes[from].by == to : nodes[from].any);
    }
  }
  BOOST_TEST(deadlocks > 2000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
