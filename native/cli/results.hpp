#pragma once

#include <string>
#include <vector>

#include "cli/look.hpp"
#include "cli/options.hpp"

namespace importlock::cli {

/// Writes what came of each target to standard output as it comes, a progress bar to a terminal
/// meanwhile, and in text a table of all at the end where there were several.
class Results {
 public:
  /// `expected` targets are to come. `options` must outlive this.
  Results(const Options& options, std::size_t expected);

  /// Shows that `target` is being looked at.
  void begin(const std::string& target);
  /// Throws FileError, as finish() does, where what came cannot be written.
  void add(const Outcome& outcome);
  /// Writes the table. Gives the worst exit status.
  int finish();

 private:
  void show(const Outcome& outcome) const;
  void erase_progress() const;
  void write_table() const;

  const Options& options_;
  std::size_t expected_;
  bool several_;
  bool color_;
  bool progress_;
  std::size_t width_;
  struct Row {
    std::string target, verdict, threads, summary;
    int status = 0;
  };
  std::vector<Row> rows_;
};

/// "DEADLOCK: MainThread holds …", without control characters.
std::string one_line(const Outcome& outcome);

/// The columns of the terminal that standard output is (COLUMNS counts first), 40 at least; 80
/// where it is none.
std::size_t output_width();
/// Whether standard output is a terminal that is to have colours (https://no-color.org).
bool output_color();

}  // namespace importlock::cli
