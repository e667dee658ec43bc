#include "render/json_writer.hpp"

#include <nlohmann/json.hpp>
namespace importlock {

namespace {

using Json = nlohmann::json;

constexpr std::size_t most_remembered = 100'000;

}  // namespace

void JsonWriter::new_line() {
  if (style_ == JsonStyle::one_line) return;
  out_ += '\n';
  out_.append(2 * depth_, ' ');
}

void JsonWriter::separate() {
  if (std::exchange(after_key_, false)) return;
  if (!first_) out_ += ',';
  first_ = false;
  if (depth_ > 0) new_line();
}

void JsonWriter::begin(char bracket) {
  separate();
  out_ += bracket;
  ++depth_;
  first_ = true;
}

void JsonWriter::end(char bracket) {
  --depth_;
  if (!std::exchange(first_, false)) new_line();
  out_ += bracket;
}

void JsonWriter::key(std::string_view name) {
  separate();
  out_.append("\"").append(name).append(style_ == JsonStyle::one_line ? "\":" : "\": ");
  after_key_ = true;
}

void JsonWriter::scalar(std::string_view text) {
  separate();
  out_ += text;
}

void JsonWriter::real(double value) { scalar(Json(value).dump()); }

void JsonWriter::string(std::string_view text) {
  if (escaped_.size() > most_remembered) escaped_.clear();
  const auto [entry, fresh] = escaped_.try_emplace(std::string(text));
  if (fresh) {
    entry->second = Json(entry->first).dump(-1, ' ', true, Json::error_handler_t::replace);
  }
  scalar(entry->second);
}

std::string JsonWriter::take() {
  out_ += '\n';
  return take_fragment();
}

}  // namespace importlock
