#include "diagnosis/wait_graph.hpp"

#include <algorithm>
#include <utility>

namespace importlock {

WaitGraph::WaitGraph(std::vector<Node> nodes, std::optional<std::size_t> gil_holder)
    : nodes_(std::move(nodes)), gil_holder_(gil_holder) {}

std::vector<bool> WaitGraph::can_progress(TimeOuts time_outs, bool outsiders,
                                          std::optional<std::size_t> start) const {
  std::vector<bool> on_path(nodes_.size(), false);
  for (auto at = start; at && !on_path[*at]; at = nodes_[*at].by) on_path[*at] = true;

  std::vector<std::vector<std::size_t>> waiting_for(nodes_.size());
  std::vector<std::size_t> waiting_for_any;
  std::vector<std::size_t> without_gil;
  std::vector<std::size_t> work;
  std::vector<bool> progress(nodes_.size(), false);

  const auto release = [&](std::size_t i) {
    if (progress[i]) return;
    if (nodes_[i].needs_gil && gil_holder_ && i != *gil_holder_ && !progress[*gil_holder_]) {
      without_gil.push_back(i);
      return;
    }
    progress[i] = true;
    work.push_back(i);
  };

  std::vector<std::size_t> free_from_the_start;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const auto& node = nodes_[i];
    const bool patient = time_outs == TimeOuts::are_ignored_on_the_path;
    const bool ends_by_itself = node.timed && !(patient && node.looped && (node.by || on_path[i]));
    if (patient && node.idle) continue;
    if (!node.blocked || node.external || ends_by_itself) {
      // A thread outside Python that merely lives is no reason to hope for one inside.
      if (node.needs_gil || outsiders) free_from_the_start.push_back(i);
    } else if (node.by && !(outsiders && node.inferred)) {
      waiting_for[*node.by].push_back(i);
    } else if (node.any || node.by) {
      waiting_for_any.push_back(i);
    }
  }
  for (const auto i : free_from_the_start) release(i);
  while (!work.empty()) {
    const auto i = work.back();
    work.pop_back();
    if (gil_holder_ && i == *gil_holder_) {
      for (const auto waiter : std::exchange(without_gil, {})) release(waiter);
    }
    for (const auto waiter : std::exchange(waiting_for[i], {})) release(waiter);
    // A thread cannot wake itself, but being here it is no longer among those that wait.
    for (const auto waiter : std::exchange(waiting_for_any, {})) release(waiter);
  }
  return progress;
}

std::vector<std::size_t> WaitGraph::cycle_through(std::size_t start,
                                                  const std::vector<bool>& progress,
                                                  const std::vector<std::size_t>& preferred) const {
  auto cycle = cycle_through(start, progress, preferred, false);
  return cycle.empty() ? cycle_through(start, progress, preferred, true) : cycle;
}

std::vector<std::size_t> WaitGraph::cycle_through(std::size_t start,
                                                  const std::vector<bool>& progress,
                                                  const std::vector<std::size_t>& preferred,
                                                  bool closed_by_any) const {
  std::vector<std::optional<std::size_t>> reached_from(nodes_.size());
  std::vector<std::size_t> queue{start};
  bool any_expanded = false;
  for (std::size_t head = 0; head < queue.size() && !reached_from[start]; ++head) {
    const auto from = queue[head];
    const auto visit = [&](std::size_t to) {
      if (progress[to] || reached_from[to]) return;
      reached_from[to] = from;
      queue.push_back(to);
    };
    if (nodes_[from].by) {
      visit(*nodes_[from].by);
    } else if (nodes_[from].any) {
      if (closed_by_any && from != start) visit(start);
      // Whom one such wait reaches, the next would reach again.
      if (std::exchange(any_expanded, true)) continue;
      for (const auto to : preferred) {
        if (to != from && to != start) visit(to);
      }
      for (std::size_t to = 0; to < nodes_.size(); ++to) {
        if (to != from && to != start && nodes_[to].blocked) visit(to);
      }
    }
  }
  if (!reached_from[start]) return {};
  std::vector<std::size_t> cycle{start};
  for (auto at = *reached_from[start]; at != start; at = *reached_from[at]) cycle.push_back(at);
  std::reverse(cycle.begin() + 1, cycle.end());
  return cycle;
}

std::vector<std::size_t> WaitGraph::cycle_behind(std::size_t start) const {
  std::vector<std::size_t> path;
  std::vector<bool> seen(nodes_.size(), false);
  auto at = std::optional(start);
  while (at && !seen[*at]) {
    seen[*at] = true;
    path.push_back(*at);
    at = nodes_[*at].by;
  }
  if (!at) return {};
  path.erase(path.begin(), std::ranges::find(path, *at));
  return path;
}

std::vector<std::vector<std::size_t>> WaitGraph::certain_cycles() const {
  std::vector<std::vector<std::size_t>> cycles;
  constexpr std::size_t never = 0;
  std::vector<std::size_t> walk_of(nodes_.size(), never);
  for (std::size_t start = 0; start < nodes_.size(); ++start) {
    const auto walk = start + 1;
    auto at = std::optional(start);
    for (; at && walk_of[*at] == never; at = nodes_[*at].by) walk_of[*at] = walk;
    if (at && walk_of[*at] == walk) cycles.push_back(cycle_behind(*at));
  }
  return cycles;
}

}  // namespace importlock
