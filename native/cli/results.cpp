#include "cli/results.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "cli/output.hpp"
#include "render/dot.hpp"
#include "render/escape.hpp"
#include "render/json.hpp"
#include "render/names.hpp"
#include "render/text.hpp"

namespace importlock::cli {

namespace {

std::string title_of(const Report& report) {
  std::string title(name_of(report.verdict.kind));
  std::ranges::transform(title, title.begin(), [](unsigned char c) { return std::toupper(c); });
  return report.verdict.certain ? title : title + " (not certain)";
}

std::string colored(const std::string& text, int status) {
  return fmt::format("\033[1;{}m{}\033[0m", status == 0 ? 32 : 31, text);
}

}  // namespace

std::size_t output_width() {
  constexpr std::size_t usual = 80;
  constexpr std::size_t least = 40;
  if (::isatty(STDOUT_FILENO) != 1) return usual;
  std::size_t columns = 0;
  if (const char* const given = std::getenv("COLUMNS")) {
    const std::string_view text(given);
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), columns);
    if (error != std::errc{} || stop != text.data() + text.size()) columns = 0;
  }
  winsize size{};
  if (columns == 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  return columns == 0 ? usual : std::max(columns, least);
}

bool output_color() {
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         terminal != nullptr && std::string_view(terminal) != "dumb";
}

std::string one_line(const Outcome& outcome) {
  if (!outcome.report) return escaped("not read: " + outcome.error);
  return escaped(title_of(*outcome.report) + ": " + outcome.report->verdict.summary);
}

Results::Results(const Options& options, std::size_t expected)
    : options_(options),
      expected_(expected),
      several_(expected > 1 || options.all),
      color_(output_color()),
      progress_(expected > 1 && ::isatty(STDERR_FILENO) == 1),
      width_(options.width ? *options.width : output_width()) {}

void Results::erase_progress() const {
  if (progress_) std::fputs("\r\033[K", stderr);
}

void Results::begin(const std::string& target) {
  if (!progress_) return;
  constexpr std::size_t cells = 20;
  const auto full = rows_.size() * cells / std::max<std::size_t>(expected_, 1);
  erase_progress();
  const auto bar =
      fmt::format("[{}{}] {} of {}: {}", std::string(full, '#'), std::string(cells - full, '.'),
                  rows_.size() + 1, expected_, escaped(target));
  std::fputs(bar.c_str(), stderr);
}

void Results::add(const Outcome& outcome) {
  erase_progress();
  show(outcome);
  flush_output();
  const auto& report = outcome.report;
  rows_.push_back({escaped(outcome.target), report ? title_of(*report) : "not read",
                   report ? std::to_string(report->threads.size()) : "-",
                   escaped(report ? report->verdict.summary : outcome.error), outcome.status()});
}

void Results::show(const Outcome& outcome) const {
  const auto& report = outcome.report;
  if (!report && !several_) {
    complain(outcome.error);
    return;
  }
  if (options_.quiet) {
    write(fmt::format("{}: {}\n", escaped(outcome.target), one_line(outcome)));
    return;
  }
  switch (options_.format) {
    case Format::json:
      write(report ? render_json(*report, several_ ? JsonStyle::one_line : JsonStyle::indented)
                   : render_json_failure(outcome.named(), outcome.error));
      return;
    case Format::dot:
      write(report ? render_dot(*report)
                   : fmt::format("// {}: {}\n", escaped(outcome.target), one_line(outcome)));
      return;
    case Format::text:
      if (several_)
        write(fmt::format("{}== {}\n", rows_.empty() ? "" : "\n", escaped(outcome.target)));
      write(report ? render_text(*report, {width_, color_, options_.frames})
                   : one_line(outcome) + "\n");
      return;
  }
}

void Results::write_table() const {
  std::size_t target = 6;
  std::size_t verdict = 7;
  for (const auto& row : rows_) {
    target = std::max(target, row.target.size());
    verdict = std::max(verdict, row.verdict.size());
  }
  write(fmt::format("\n{:<{}}  {:<{}}  {:>7}  SUMMARY\n", "TARGET", target, "VERDICT", verdict,
                    "THREADS"));
  for (const auto& row : rows_) {
    const auto before = fmt::format("{:<{}}  ", row.target, target);
    const auto title = fmt::format("{:<{}}", row.verdict, verdict);
    auto after = fmt::format("  {:>7}  {}", row.threads, row.summary);
    const auto used = before.size() + title.size();
    if (width_ > used + 20 && after.size() > width_ - used) {
      after.resize(width_ - used - 3);
      after += "...";
    }
    write(fmt::format("{}{}{}\n", before, color_ ? colored(title, row.status) : title, after));
  }
}

int Results::finish() {
  if (several_ && options_.format == Format::text && !options_.quiet && !rows_.empty()) {
    write_table();
  }
  int worst = 0;
  for (const auto& row : rows_) worst = std::max(worst, row.status);
  return worst;
}

}  // namespace importlock::cli
