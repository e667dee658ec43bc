#include "render/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "render/names.hpp"

namespace importlock {

namespace {

/// Text of the target is data: nothing in it may move a terminal's cursor or change its colours.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte >= 0x7f ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return result;
}

class TextReport {
 public:
  TextReport(const Report& report, const TextStyle& style) : report_(report), style_(style) {}

  std::string run() {
    const auto& verdict = report_.verdict;
    std::string title(name_of(verdict.kind));
    std::ranges::transform(title, title.begin(), [](unsigned char c) { return std::toupper(c); });
    if (!verdict.certain) title += " (not certain)";
    const bool bad = report_.status() != 0;
    paragraph(style_.color ? fmt::format("\033[1;{}m{}\033[0m", bad ? 31 : 32, title) : title,
              title.size(), ": " + verdict.summary, 0);
    if (!verdict.evidence.empty()) out_ += "\n";
    for (const auto& fact : verdict.evidence) paragraph("  - ", 4, fact, 4);
    if (!verdict.advice.empty()) {
      out_ += "\n";
      paragraph("What to do: ", 12, verdict.advice, 2);
    }
    for (const auto& thread : report_.threads) print(thread);
    out_ += "\n";
    const auto& python = report_.python;
    paragraph(
        "", 0,
        fmt::format(
            "Python {}, {}; import lock {}, level {}, found by {}; GIL {}.",
            python.version.optional().value_or("2.7"), python.image,
            name_of(report_.import_lock_state),
            report_.import_lock.level ? fmt::format("{}", *report_.import_lock.level) : "unknown",
            report_.import_lock.found_by ? name_of(*report_.import_lock.found_by) : "nothing",
            name_of(report_.gil_state)),
        0);
    for (const auto& problem : report_.problems) paragraph("Problem: ", 9, problem, 2);
    return out_;
  }

 private:
  void print(const ThreadReport& thread) {
    const auto& facts = thread.facts;
    out_ += "\n";
    std::string head = facts.gdb_thread ? fmt::format("Thread {} ", *facts.gdb_thread) : "Thread ";
    head += facts.lwp ? fmt::format("(LWP {})", *facts.lwp) : "(no LWP)";
    if (!facts.name.empty()) head += " " + facts.name;
    if (!facts.python) head += ": no Python";
    std::string state;
    for (const auto& held : thread.holds) {
      state += (state.empty() ? "holds the " : " and the ") + held;
    }
    if (const auto& wait = thread.waits_for) {
      state += state.empty() ? "" : ", ";
      state += "waits for " + wait->what;
      if (!wait->because.empty()) state += " (" + wait->because + ")";
    }
    paragraph("", 0, state.empty() ? head : head + ": " + state, 2);
    for (const auto& frame : facts.frames) {
      location("  ", frame);
      if (frame.source) cut("      " + escaped(*frame.source));
    }
  }

  /// One line "FILE:LINE in FUNCTION"; a path that does not fit loses its beginning.
  void location(const std::string& indent, const Frame& frame) {
    auto file = escaped(frame.file);
    const auto rest = fmt::format(":{} in {}", frame.line, escaped(frame.function));
    const auto used = indent.size() + rest.size();
    if (style_.width > used + 8 && file.size() + used > style_.width) {
      file = "..." + file.substr(file.size() - (style_.width - used - 3));
    }
    cut(indent + file + rest);
  }

  void cut(std::string line) {
    if (style_.width > 3 && line.size() > style_.width) {
      line.resize(style_.width - 3);
      line += "...";
    }
    out_ += line + "\n";
  }

  /// `prefix`, which takes `taken` columns, and then the text wrapped, later lines indented.
  void paragraph(const std::string& prefix, std::size_t taken, const std::string& text,
                 std::size_t indent) {
    out_ += prefix;
    auto column = taken;
    const auto words = escaped(text);
    for (std::size_t at = 0; at < words.size();) {
      const auto end = std::min(words.find(' ', at), words.size());
      const auto length = end - at;
      if (at > 0) {
        if (style_.width != 0 && column + 1 + length > style_.width) {
          out_ += "\n" + std::string(indent, ' ');
          column = indent;
        } else {
          out_ += ' ';
          ++column;
        }
      }
      out_.append(words, at, length);
      column += length;
      at = end + 1;
    }
    out_ += "\n";
  }

  const Report& report_;
  const TextStyle& style_;
  std::string out_;
};

}  // namespace

std::string render_text(const Report& report, const TextStyle& style) {
  return TextReport(report, style).run();
}

}  // namespace importlock
