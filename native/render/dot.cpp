#include "render/dot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "render/escape.hpp"
#include "render/names.hpp"

namespace importlock {

namespace {

/// A string of the DOT language; "\n" stays a line break of Graphviz.
std::string quoted(const std::vector<std::string>& lines) {
  std::string result = "\"";
  for (const auto& line : lines) {
    if (result.size() > 1) result += "\\n";
    for (const char c : escaped(line)) {
      if (c == '"' || c == '\\') result += '\\';
      result += c;
    }
  }
  return result + "\"";
}

std::string node_of(Lwp lwp) { return fmt::format("thread_{}", lwp); }

class Picture {
 public:
  explicit Picture(const Report& report) : report_(report) {
    const auto& cycle = report_.verdict.cycle;
    for (std::size_t i = 0; i < cycle.size(); ++i) {
      next_in_cycle_.emplace(cycle[i], cycle[(i + 1) % cycle.size()]);
    }
    for (const auto& thread : report_.threads) {
      if (thread.waits_for && thread.waits_for->lwp) wanted_.insert(*thread.waits_for->lwp);
    }
  }

  std::string run() {
    out_ = "digraph \"py-importlock\" {\n";
    out_ += "  graph [rankdir=LR, fontname=\"sans-serif\", fontsize=12, labelloc=t, label=" +
            quoted(wrapped(report_.verdict.summary)) + "];\n";
    out_ += "  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=11];\n";
    out_ += "  edge [fontname=\"sans-serif\", fontsize=10];\n";
    std::size_t queued = 0;
    for (const auto& thread : report_.threads) {
      if (!thread.facts.lwp) continue;
      if (only_queues(thread)) {
        ++queued;
      } else if (matters(thread)) {
        draw(thread);
      }
    }
    if (queued > 0) {
      out_ += fmt::format("  queue [style=\"rounded,dashed\", label=\"{} more thread{}\"];\n",
                          queued, queued == 1 ? "" : "s");
      if (report_.import_lock_owner) {
        edge("queue", node_of(*report_.import_lock_owner), {"import lock"}, false);
      }
    }
    return out_ + "}\n";
  }

 private:
  [[nodiscard]] bool in_cycle(Lwp lwp) const { return next_in_cycle_.contains(lwp); }

  [[nodiscard]] bool only_queues(const ThreadReport& thread) const {
    const auto lwp = *thread.facts.lwp;
    return thread.waits_for && thread.waits_for->kind == WaitKind::import_lock && !in_cycle(lwp) &&
           !wanted_.contains(lwp) && report_.import_lock_waiters.size() > most_waiters_drawn;
  }

  [[nodiscard]] bool matters(const ThreadReport& thread) const {
    return (thread.facts.python && thread.waits_for) || !thread.holds.empty() ||
           wanted_.contains(*thread.facts.lwp);
  }

  void draw(const ThreadReport& thread) {
    const auto& facts = thread.facts;
    const auto lwp = *facts.lwp;
    std::vector<std::string> lines;
    lines.push_back(facts.name.empty() ? fmt::format("LWP {}", lwp)
                                       : fmt::format("{} (LWP {})", facts.name, lwp));
    for (const auto& held : thread.holds) lines.push_back("holds the " + held);
    if (!facts.importing.empty() && report_.import_lock_owner == lwp) {
      lines.push_back("imports " + facts.importing.back().name);
    }
    const auto frame = thread.waits_for ? thread.waits_for->frame : 0;
    if (frame < facts.frames.size()) {
      const auto& shown = facts.frames[frame];
      const auto& file = shown.file.str();
      lines.push_back(fmt::format("{}:{}", file.substr(file.rfind('/') + 1), shown.line));
    }
    if (!thread.waits_for) lines.emplace_back("runs");
    out_ += fmt::format("  {} [label={}{}];\n", node_of(lwp), quoted(lines),
                        in_cycle(lwp) ? ", color=red, penwidth=2" : "");
    if (thread.waits_for) draw_wait(lwp, *thread.waits_for);
  }

  void draw_wait(Lwp lwp, const Wait& wait) {
    std::vector<std::string> label{wait.kind == WaitKind::join ? "end of " + wait.what
                                                               : short_name_of(wait)};
    if (!wait.because.empty()) label.push_back(wait.because);
    if (const auto next = next_in_cycle_.find(lwp); next != next_in_cycle_.end()) {
      edge(node_of(lwp), node_of(next->second), label, true);
    } else if (wait.lwp) {
      edge(node_of(lwp), node_of(*wait.lwp), label, false);
    } else {
      const auto what = fmt::format("what_{}", lwp);
      out_ += fmt::format("  {} [shape=ellipse, style=solid, label={}];\n", what,
                          quoted({short_name_of(wait)}));
      label.erase(label.begin());
      edge(node_of(lwp), what, label, false);
    }
  }

  void edge(const std::string& from, const std::string& to, const std::vector<std::string>& label,
            bool red) {
    out_ += fmt::format("  {} -> {} [label={}{}];\n", from, to, quoted(label),
                        red ? ", color=red, fontcolor=red, penwidth=2" : "");
  }

  static std::vector<std::string> wrapped(const std::string& text) {
    constexpr std::size_t width = 90;
    std::vector<std::string> lines(1);
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find(' ', at), text.size());
      if (!lines.back().empty() && lines.back().size() + end - at > width) lines.emplace_back();
      lines.back() += (lines.back().empty() ? "" : " ") + text.substr(at, end - at);
      at = end + 1;
    }
    return lines;
  }

  static constexpr std::size_t most_waiters_drawn = 8;
  const Report& report_;
  std::unordered_map<Lwp, Lwp> next_in_cycle_;
  std::unordered_set<Lwp> wanted_;  ///< threads that others wait for
  std::string out_;
};

}  // namespace

std::string render_dot(const Report& report) { return Picture(report).run(); }

}  // namespace importlock
