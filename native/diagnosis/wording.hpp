#pragma once

#include <string>
#include <vector>

#include "diagnosis/findings.hpp"

namespace importlock {

/// The sentences of a verdict, each made of the findings. Those about the owner of the import lock
/// need one.
class Wording {
 public:
  using Index = Findings::Index;
  using Cycle = std::vector<Index>;

  /// `found` must outlive this.
  explicit Wording(const Findings& found) : found_(found) {}

  /// " while it holds a Lock (app.py:12)" where that is what another thread waits for.
  [[nodiscard]] std::string held_clause(Index i) const;
  /// "A (LWP 1) and B (LWP 2) wait for each other"
  [[nodiscard]] std::string cycle_clause(const Cycle& cycle) const;
  /// What the waits of the cycle lead to, from the owner's on: "Thread-1 (LWP 2), which waits for
  /// the import lock (os.fork)".
  [[nodiscard]] std::string chain_clause(const Cycle& cycle) const;
  /// "heart (LWP 3) could still end that wait.", of the owner's; empty where nobody could.
  [[nodiscard]] std::string who_could_end_it(const std::vector<bool>& progress) const;
  /// Why a deadlock is not certain.
  [[nodiscard]] std::string uncertainty(const Cycle& cycle) const;
  /// What to change against a deadlock that the owner is part of; `start` is where its thread was
  /// started, or empty.
  [[nodiscard]] std::string advice(const Cycle& cycle, const std::string& start) const;
  /// What to change against any other.
  [[nodiscard]] std::string advice_for_cycle_without_import(const Cycle& cycle) const;
  /// "A (LWP 1) keeps the GIL while it is blocked in read"
  [[nodiscard]] std::string stuck_gil_clause() const;
  /// What to change against it.
  [[nodiscard]] std::string stuck_gil_advice() const;
  /// Where the owner started a thread; null where that is not seen.
  [[nodiscard]] const ThreadStart* start_of(Index i) const;
  /// The module whose import goes on; "the module" where that is not seen.
  [[nodiscard]] std::string module() const;
  /// ", importing videoin,"
  [[nodiscard]] std::string importing() const;
  /// " while importing videoin"
  [[nodiscard]] std::string while_importing() const;
  /// "2 threads wait", for the import lock.
  [[nodiscard]] std::string waiters() const;
  /// "A (LWP 1) holds the import lock while it imports app > videoin."
  [[nodiscard]] std::string hold_sentence() const;

 private:
  /// Whether some thread waits for that lock.
  [[nodiscard]] bool wanted(const HeldLock& held) const;

  const Findings& found_;
};

}  // namespace importlock
