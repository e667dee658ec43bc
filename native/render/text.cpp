#include "render/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "render/escape.hpp"
#include "render/names.hpp"

namespace importlock {

namespace {

std::string name_or_lwp(const ThreadFacts& thread) {
  if (!thread.name.empty()) return thread.name;
  return thread.lwp ? fmt::format("LWP {}", *thread.lwp) : std::string("a thread that is gone");
}

class TextReport {
 public:
  TextReport(const Report& report, const TextStyle& style) : report_(report), style_(style) {
    const std::unordered_set<Lwp> cycle(report.verdict.cycle.begin(), report.verdict.cycle.end());
    for (const auto& thread : report.threads) {
      const auto lwp = thread.facts.lwp;
      if (lwp && cycle.contains(*lwp)) in_cycle_.emplace(*lwp, &thread);
    }
  }

  std::string run() {
    const auto& verdict = report_.verdict;
    std::string title(name_of(verdict.kind));
    std::ranges::transform(title, title.begin(), [](unsigned char c) { return std::toupper(c); });
    if (!verdict.certain) title += " (not certain)";
    const bool bad = report_.status() != 0;
    paragraph(style_.color ? fmt::format("\033[1;{}m{}\033[0m", bad ? 31 : 32, title) : title,
              title.size(), ": " + verdict.summary, 0);
    if (const auto drawn = drawn_cycle(); !drawn.empty()) {
      out_ += "\n";
      paragraph("  ", 2, drawn, 4);
    }
    if (!verdict.evidence.empty()) out_ += "\n";
    for (const auto& fact : verdict.evidence) paragraph("  - ", 4, fact, 4);
    if (!verdict.advice.empty()) {
      out_ += "\n";
      paragraph("What to do: ", 12, verdict.advice, 2);
    }
    print_threads();
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
  /// "MainThread --Thread.join--> Thread-1 --import lock (os.fork)--> MainThread"
  [[nodiscard]] std::string drawn_cycle() const {
    std::string drawn;
    const ThreadReport* first = nullptr;
    for (const auto lwp : report_.verdict.cycle) {
      const auto entry = in_cycle_.find(lwp);
      if (entry == in_cycle_.end() || !entry->second->waits_for) return "";
      const auto* const thread = entry->second;
      if (first == nullptr) first = thread;
      const auto& wait = *thread->waits_for;
      const auto why =
          wait.kind == WaitKind::join || wait.because.empty() ? "" : " (" + wait.because + ")";
      drawn += fmt::format("{} --{}{}--> ", name_or_lwp(thread->facts),
                           wait.kind == WaitKind::join ? wait.because : short_name_of(wait), why);
    }
    return first == nullptr ? "" : drawn + name_or_lwp(first->facts);
  }

  /// Those of the verdict first, then the rest; of many that do the same, one.
  void print_threads() {
    std::vector<const ThreadReport*> rest;
    for (const auto lwp : report_.verdict.cycle) {
      if (const auto entry = in_cycle_.find(lwp); entry != in_cycle_.end()) print({entry->second});
    }
    for (const auto& thread : report_.threads) {
      if (!thread.facts.lwp || !in_cycle_.contains(*thread.facts.lwp)) rest.push_back(&thread);
    }
    std::ranges::stable_sort(rest, {}, [](const auto* thread) {
      return !thread->facts.lwp ? 2 : thread->holds.empty() ? 1 : 0;
    });
    std::vector<std::vector<const ThreadReport*>> groups;
    std::unordered_map<std::string, std::size_t> group_of;
    for (const auto* thread : rest) {
      const auto [entry, fresh] = group_of.try_emplace(likeness(*thread), groups.size());
      if (fresh) groups.emplace_back();
      groups[entry->second].push_back(thread);
    }
    for (const auto& group : groups) print(group);
  }

  /// Equal for threads that do the same at the same place.
  static std::string likeness(const ThreadReport& thread) {
    auto key = state(thread) + (thread.facts.python ? "" : "native");
    for (const auto& frame : thread.facts.frames) {
      // Not by fmt: there can be tens of thousands of frames.
      key.append("\n").append(frame.file.str()).append(":").append(std::to_string(frame.line));
      key.append(":").append(frame.function.str());
      for (const auto& variable : frame.locals) key += variable.name + variable.value;
    }
    return key;
  }

  /// "holds the import lock, waits for Thread-1 (Thread.join)"
  static std::string state(const ThreadReport& thread) {
    std::string state;
    for (const auto& held : thread.holds) {
      state += (state.empty() ? "holds the " : " and the ") + held;
    }
    if (const auto& wait = thread.waits_for) {
      state += state.empty() ? "" : ", ";
      state += "waits for " + short_name_of(*wait);
      if (!wait->because.empty()) state += " (" + wait->because + ")";
    }
    return state;
  }

  void print(const std::vector<const ThreadReport*>& alike) {
    const auto& facts = alike.front()->facts;
    out_ += "\n";
    std::string head;
    if (alike.size() > 1) {
      constexpr std::size_t most_named = 3;
      head = fmt::format("{} threads (LWP", alike.size());
      for (std::size_t i = 0; i < std::min(alike.size(), most_named); ++i) {
        const auto& lwp = alike[i]->facts.lwp;
        head += fmt::format("{} {}", i == 0 ? "" : ",", lwp ? fmt::format("{}", *lwp) : "gone");
      }
      head += alike.size() > most_named ? ", ...)" : ")";
    } else {
      head = facts.gdb_thread ? fmt::format("Thread {} ", *facts.gdb_thread) : "Thread ";
      head += facts.lwp ? fmt::format("(LWP {})", *facts.lwp) : "that is gone (no LWP)";
      if (!facts.name.empty()) head += " " + facts.name;
    }
    const auto state = this->state(*alike.front());
    if (!facts.python) {
      head += ": no Python" + (state.empty() ? "" : ", " + state);
    } else if (!state.empty()) {
      head += ": " + state;
    } else if (facts.lwp) {
      head += ": runs";
    }
    paragraph("", 0, head, 2);
    const auto number = without_bootstrap(facts.frames);
    const auto shown = style_.frames == 0 ? number : std::min(style_.frames, number);
    for (std::size_t i = 0; i < shown; ++i) {
      const auto& frame = facts.frames[i];
      if (const auto inside = of_importlib(facts.frames, i, shown); inside > 1) {
        out_ += fmt::format("  ({} frames of importlib)\n", inside);
        i += inside - 1;
        continue;
      }
      location("  ", frame);
      if (frame.source) cut("      " + escaped(frame.source->str()));
      for (const auto& variable : frame.locals) {
        cut("        " + escaped(variable.name) + " = " + escaped(variable.value));
      }
    }
    if (number > shown) {
      out_ += fmt::format("  ... and {} frame{} further out\n", number - shown,
                          number - shown == 1 ? "" : "s");
    }
  }

  /// How many frames from that one on, before `end`, are of the import system itself, which is
  /// written in Python from 3.3 on and has no source at hand.
  static std::size_t of_importlib(const std::vector<Frame>& frames, std::size_t from,
                                  std::size_t end) {
    auto at = from;
    while (at < end && frames[at].file.str().starts_with("<frozen importlib.")) ++at;
    return at - from;
  }

  /// How many frames there are without those by which threading starts every thread.
  static std::size_t without_bootstrap(const std::vector<Frame>& frames) {
    auto number = frames.size();
    // Lib/threading.py, class Thread: the names begin with two underscores in 2.7, one in 3.x.
    for (const std::string_view name : {"_bootstrap", "_bootstrap_inner", "run"}) {
      if (number < 2) break;
      const auto& frame = frames[number - 1];
      std::string_view function = frame.function.str();
      if (function.starts_with("__")) function.remove_prefix(1);
      if (function != name || !frame.file.str().ends_with("/threading.py")) break;
      --number;
    }
    return number;
  }

  /// One line "FILE:LINE in FUNCTION"; a path that does not fit loses its beginning.
  void location(const std::string& indent, const Frame& frame) {
    auto file = escaped(frame.file.str());
    const auto rest = fmt::format(":{} in {}", frame.line, escaped(frame.function.str()));
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
  std::unordered_map<Lwp, const ThreadReport*> in_cycle_;  ///< threads of the verdict's cycle
  std::string out_;
};

}  // namespace

std::string render_text(const Report& report, const TextStyle& style) {
  return TextReport(report, style).run();
}

}  // namespace importlock
