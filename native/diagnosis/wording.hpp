#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/findings.hpp"

namespace importlock {

/// The sentences of a verdict, each made of the findings.
class Wording {
 public:
  using Index = Findings::Index;
  using Cycle = std::vector<Index>;
  using Contended = Findings::Contended;

  /// `found` must outlive this.
  explicit Wording(const Findings& found) : found_(found) {}

  /// " while it holds the RLock self.lock since app.py:12" where that is what another thread waits
  /// for.
  [[nodiscard]] std::string held_clause(Index i) const;
  /// "A (LWP 1) and B (LWP 2) wait for each other in a deadlock"
  [[nodiscard]] std::string cycle_clause(const Cycle& cycle) const;
  /// What the waits of the cycle lead to, from the first on: "Thread-1 (LWP 2), which waits for
  /// the import lock (os.fork)".
  [[nodiscard]] std::string chain_clause(const Cycle& cycle) const;
  /// "MainThread (LWP 1) waits for the end of T (LWP 2), which is blocked in read": what the thread
  /// waits for, and what those wait for who could end that; "MainThread (LWP 1) runs".
  [[nodiscard]] std::string waits_in_turn(Index i) const;
  /// "heart (LWP 3) could still end that wait.", of the holder's; empty where nobody could.
  [[nodiscard]] std::string who_could_end_it(Index holder, const std::vector<bool>& progress) const;
  /// Why a deadlock is not certain.
  [[nodiscard]] std::string uncertainty(const Cycle& cycle) const;
  /// What to change against a deadlock whose first thread holds an import lock; `start` is where
  /// its thread was started, or empty.
  [[nodiscard]] std::string advice_for_import(const Cycle& cycle, const std::string& start) const;
  /// What to change against any other.
  [[nodiscard]] std::string advice(const Cycle& cycle) const;
  /// "A (LWP 1) keeps the GIL while it is blocked in read, so no other Python code can run"
  [[nodiscard]] std::string stuck_gil_clause() const;
  /// What to change against it.
  [[nodiscard]] std::string stuck_gil_advice() const;
  /// What the C code of a thread is to do that keeps what others need while it waits.
  [[nodiscard]] std::string advice_to_let_go(Index holder, std::string_view how) const;
  /// Where the thread `starter` started thread `i`; null where that is not seen.
  [[nodiscard]] const ThreadStart* start_of(Index i, Index starter) const;
  /// The module whose import goes on in thread `i`; "the module" where that is not seen.
  [[nodiscard]] std::string module(Index i) const;
  /// " while importing videoin"
  [[nodiscard]] std::string while_importing(Index i) const;
  /// "A (LWP 1) holds the import lock, importing videoin,"
  [[nodiscard]] std::string holder_clause(const Contended& lock) const;
  /// "A (LWP 1) holds the import lock while it imports app > videoin."
  [[nodiscard]] std::string hold_sentence(const Contended& lock) const;

 private:
  /// Whether some thread waits for that lock.
  [[nodiscard]] bool wanted(const HeldLock& held) const;
  /// "the RLock self.lock that B (LWP 2) holds", "the end of B (LWP 2)"
  [[nodiscard]] std::string link(Index from, Index to) const;

  const Findings& found_;
};

/// "2 threads wait"
std::string waiters(std::size_t number);

}  // namespace importlock
