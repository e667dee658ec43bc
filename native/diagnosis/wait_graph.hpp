#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace importlock {

/// Who can end whose wait, and what follows from that. Threads are numbered as in the report.
///
/// A thread can progress if it is not blocked, if something outside the process may end its wait,
/// or if some thread that can end its wait can progress. All that cannot are deadlocked: the least
/// fixpoint of that rule.
class WaitGraph {
 public:
  struct Node {
    bool blocked = false;
    bool external = false;          ///< may be ended from outside: I/O, a child, a sleep
    bool idle = false;              ///< goes on, but only to wait again
    bool timed = false;             ///< may end by itself after a time
    bool looped = false;            ///< a timed one that may be made again and again
    bool any = false;               ///< any other thread can end it
    std::optional<std::size_t> by;  ///< the one thread that can end it
    bool inferred = false;          ///< that it is `by`, is likely but not certain
    bool needs_gil = true;          ///< does Python's work, so it cannot go on without the GIL
  };

  /// `gil_holder` is set only while the GIL is held: nobody that needs it gets on before its
  /// holder.
  WaitGraph(std::vector<Node> nodes, std::optional<std::size_t> gil_holder);

  enum class TimeOuts { end_the_wait, are_ignored_on_the_path };

  /// Which threads can progress. With `are_ignored_on_the_path` the time-out of a looped wait is no
  /// progress for a thread that waits for one certain thread, nor for those on the path of such
  /// waits from `start`, nor is anything for an idle one: a loop around a timed wait goes on for
  /// ever unless its code gives up. `outsiders`: threads outside Python count as able to end waits
  /// that any thread can end, and any thread as able to end one whose `by` is inferred.
  [[nodiscard]] std::vector<bool> can_progress(TimeOuts time_outs, bool outsiders,
                                               std::optional<std::size_t> start) const;

  /// The shortest cycle from `start` back to it along waits of threads that `progress` calls stuck,
  /// each waiting for the next; where a wait can be ended by any thread, those of `preferred` are
  /// tried first. A cycle whose last wait is for `start` and nobody else is preferred to one whose
  /// last wait any thread could end. Empty where there is none.
  [[nodiscard]] std::vector<std::size_t> cycle_through(
      std::size_t start, const std::vector<bool>& progress,
      const std::vector<std::size_t>& preferred) const;

  /// The cycle that the waits for one certain thread lead to from `start`, which need not be part
  /// of it. Empty where they lead to no cycle.
  [[nodiscard]] std::vector<std::size_t> cycle_behind(std::size_t start) const;

  /// All cycles of waits for one certain thread. Each thread is in at most one.
  [[nodiscard]] std::vector<std::vector<std::size_t>> certain_cycles() const;

  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }

 private:
  [[nodiscard]] std::vector<std::size_t> cycle_through(std::size_t start,
                                                       const std::vector<bool>& progress,
                                                       const std::vector<std::size_t>& preferred,
                                                       bool closed_by_any) const;

  std::vector<Node> nodes_;
  std::optional<std::size_t> gil_holder_;
};

}  // namespace importlock
