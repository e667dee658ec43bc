#include "cpython/objects.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace importlock {

namespace {

constexpr std::uint64_t longest_string = 1 << 24;
constexpr std::uint64_t longest_code = 1 << 20;  // co_code and line tables of real modules: less
constexpr int longest_type_chain = 100;
constexpr std::size_t most_remembered = 1 << 15;

}  // namespace

bool Objects::derives_from(Address object, Address base) {
  if (object.is_null() || base.is_null()) return false;
  auto type = type_of(object);
  for (int i = 0; i < longest_type_chain && !type.is_null(); ++i) {
    if (type == base) return true;
    type = pointer(type + layout_.type.tp_base);
  }
  return false;
}

const std::optional<std::string>& Objects::known_name(Address object) {
  // What hostile memory makes us remember is bounded.
  if (names_.size() > most_remembered) names_.clear();
  const auto found = names_.find(object);
  return found != names_.end() ? found->second
                               : names_.emplace(object, text(object, 256)).first->second;
}

std::vector<std::byte> Objects::bytes(Address object) {
  if (!is(object, types_.bytes)) throw FormatError("bytes were expected in the target");
  const auto size = pointer(object + layout_.object.ob_size).value();
  if (size > longest_code) throw LimitError("bytes of the target claim an absurd length");
  return memory_.bytes(object + layout_.bytes.ob_sval, size);
}

std::string Objects::raw_text(Address object, std::size_t most) {
  const auto size = pointer(object + layout_.object.ob_size).value();
  if (size > longest_string) throw LimitError("a str of the target claims an absurd length");
  std::string result(std::min<std::size_t>(size, most), '\0');
  memory_.read(object + layout_.bytes.ob_sval, std::as_writable_bytes(std::span(result)));
  return result;
}

std::optional<std::int64_t> Objects::long_of_digits(Address first, std::uint64_t digits,
                                                    bool negative) {
  const auto size = layout_.long_integer.digit_size;
  const unsigned bits = size == 4 ? 30 : 15;
  if (digits > (62 + bits) / bits) return std::nullopt;
  std::uint64_t value = 0;
  for (auto i = digits; i-- > 0;) {
    const std::uint64_t digit = size == 4 ? memory_.value<std::uint32_t>(first + i * size)
                                          : memory_.value<std::uint16_t>(first + i * size);
    value = (value << bits) | digit;
  }
  const auto magnitude = static_cast<std::int64_t>(value);
  return negative ? -magnitude : magnitude;
}

std::vector<Address> Objects::items(Address sequence, std::size_t most) {
  if (sequence.is_null()) return {};
  const auto type = type_of(sequence);
  Address first;
  if (type == types_.tuple) {
    first = sequence + layout_.tuple.ob_item;
  } else if (type == types_.list) {
    first = pointer(sequence + layout_.list.ob_item);
  } else {
    return {};
  }
  const auto size = pointer(sequence + layout_.object.ob_size).value();
  std::vector<Address> result;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(size, most); ++i) {
    result.push_back(pointer(first + i * layout_.word));
  }
  return result;
}

Address Objects::item(Address dict, std::string_view key) {
  if (items_.size() > most_remembered) items_.clear();
  auto& known = items_[dict];
  if (const auto found = known.find(key); found != known.end()) return found->second;
  const auto value = find(dict, key);
  known.emplace(key, value);
  return value;
}

Address Objects::find(Address dict, std::string_view key) {
  const auto hash = knows_hashes(dict) ? hash_of(key) : std::nullopt;
  return hash ? find_by_hash(dict, key, *hash) : find_by_text(dict, key);
}

bool Objects::knows_hashes(Address dict) {
  // One key tells: function and secret are the process's.
  if (knows_hashes_) return *knows_hashes_;
  for_each_item(dict, [&](Address key, Address) {
    if (knows_hashes_) return false;
    try {
      const auto kept = kept_hash(key);
      if (!kept) return true;
      const auto text = known_name(key).value_or("");
      if (!text.empty()) knows_hashes_ = hash_of(text) == kept;
    } catch (const Error&) {
      // Another key may be sound.
    }
    return true;
  });
  return knows_hashes_.value_or(false);
}

Address Objects::find_by_text(Address dict, std::string_view key) {
  Address result;
  bool damaged = false;
  for_each_item(dict, [&](Address candidate, Address value) {
    try {
      if (known_name(candidate) != key) return true;
    } catch (const Error&) {
      // A damaged key is no reason to miss the sound ones.
      damaged = true;
      return true;
    }
    result = value;
    return false;
  });
  // It may be the one that was asked for.
  if (damaged && result.is_null()) throw FormatError("a key of a dict could not be read");
  return result;
}

std::string Objects::c_string(Address at, std::size_t most) {
  std::string result;
  while (result.size() < most) {
    const auto byte = memory_.value<char>(at + result.size());
    if (byte == '\0') break;
    result += byte;
  }
  return result;
}

std::optional<double> Objects::real(Address object) {
  if (object.is_null()) return std::nullopt;
  if (type_name(type_of(object)) == "float") {
    // Include/floatobject.h: ob_fval follows the head of the object.
    return memory_.value<double>(object + layout_.object.ob_type + layout_.word);
  }
  const auto number = integer(object);
  return number ? std::optional(static_cast<double>(*number)) : std::nullopt;
}

}  // namespace importlock
