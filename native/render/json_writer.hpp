#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace importlock {

enum class JsonStyle { indented, one_line };

/// Writes JSON from its beginning to its end. A report of a thousand threads has a million values,
/// and a tree of them in memory costs more than the whole look at the process. Strings are
/// nlohmann::json's work.
class JsonWriter {
 public:
  explicit JsonWriter(JsonStyle style) : style_(style) {}
  /// Writes one value, to be put into another writer as a fragment `depth` brackets deep.
  JsonWriter(JsonStyle style, std::size_t depth) : style_(style), depth_(depth), after_key_(true) {}

  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }
  /// The key of the value that comes next, in ASCII without anything to escape.
  void key(std::string_view name);
  void null() { scalar("null"); }
  void boolean(bool value) { scalar(value ? "true" : "false"); }
  void integer(long value) { scalar(std::to_string(value)); }
  void real(double value);
  /// ASCII alone: the C1 controls and bidi overrides of valid UTF-8 move a terminal's cursor too.
  /// What is no UTF-8 is replaced.
  void string(std::string_view text);

  /// A value that another writer has written for this depth.
  void fragment(std::string_view text) { scalar(text); }
  [[nodiscard]] std::size_t depth() const { return depth_; }

  /// What was written. The writer is empty afterwards.
  std::string take_fragment() { return std::exchange(out_, {}); }
  /// The same with a line's end.
  std::string take();

 private:
  void begin(char bracket);
  void end(char bracket);
  void scalar(std::string_view text);
  /// The comma, line's end and indent before a value or key.
  void separate();
  void new_line();

  JsonStyle style_;
  std::string out_;
  std::size_t depth_ = 0;
  bool first_ = true;       ///< nothing stands in the innermost bracket yet
  bool after_key_ = false;  ///< the next value belongs to a key
  /// By text: names, paths and lines of source recur in every frame.
  std::unordered_map<std::string, std::string> escaped_;
};

}  // namespace importlock
