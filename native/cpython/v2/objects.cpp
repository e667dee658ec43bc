#include "cpython/objects.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace importlock {

namespace {

constexpr std::uint64_t longest_string = 1 << 24;
constexpr std::uint64_t longest_code = 1 << 20;     // co_code and co_lnotab of real modules: less
constexpr std::uint64_t most_dict_slots = 1 << 22;  // sys.modules of a huge program: some 2^14
constexpr std::uint64_t most_probes = 10'000;       // a lookup takes one or two
constexpr int longest_type_chain = 100;
constexpr std::size_t most_remembered = 1 << 15;

void append_utf8(std::string& out, std::uint32_t code) {
  constexpr std::uint32_t replacement = 0xfffd;
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = replacement;
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | (code >> 6));
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

}  // namespace

Address Objects::pointer(Address at) {
  return layout_.word == 8 ? Address{memory_.value<std::uint64_t>(at)}
                           : Address{memory_.value<std::uint32_t>(at)};
}

Address Objects::type_of(Address object) { return pointer(object + layout_.object.ob_type); }

bool Objects::derives_from(Address object, Address base) {
  if (object.is_null() || base.is_null()) return false;
  auto type = type_of(object);
  for (int i = 0; i < longest_type_chain && !type.is_null(); ++i) {
    if (type == base) return true;
    type = pointer(type + layout_.type.tp_base);
  }
  return false;
}

std::optional<std::string> Objects::text(Address object, std::size_t most) {
  if (object.is_null()) return std::nullopt;
  const auto type = type_of(object);
  if (type == types_.string) {
    const auto size = pointer(object + layout_.object.ob_size).value();
    if (size > longest_string) throw LimitError("a str of the target claims an absurd length");
    std::string result(std::min<std::size_t>(size, most), '\0');
    memory_.read(object + layout_.string.ob_sval, std::as_writable_bytes(std::span(result)));
    return result;
  }
  if (type == types_.unicode) {
    const auto length = pointer(object + layout_.unicode.length).value();
    if (length > longest_string)
      throw LimitError("a unicode of the target claims an absurd length");
    const auto count = std::min<std::size_t>(length, most);
    const auto start = pointer(object + layout_.unicode.str);
    const auto bytes = memory_.bytes(start, count * layout_.unicode_width);
    std::string result;
    for (std::size_t i = 0; i < count; ++i) {
      if (layout_.unicode_width == 4) {
        append_utf8(result, *load<std::uint32_t>(bytes, i * 4));
        continue;
      }
      std::uint32_t code = *load<std::uint16_t>(bytes, i * 2);
      const auto low = load<std::uint16_t>(bytes, i * 2 + 2);
      if (code >= 0xd800 && code < 0xdc00 && low && *low >= 0xdc00 && *low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (*low - 0xdc00U);
        ++i;
      }
      append_utf8(result, code);
    }
    return result;
  }
  return std::nullopt;
}

const std::optional<std::string>& Objects::known_name(Address object) {
  // What hostile memory makes us remember is bounded.
  if (names_.size() > most_remembered) names_.clear();
  const auto found = names_.find(object);
  return found != names_.end() ? found->second
                               : names_.emplace(object, text(object, 256)).first->second;
}

std::string Objects::name(Address object) { return known_name(object).value_or(""); }

std::vector<std::byte> Objects::string_bytes(Address object) {
  if (!is(object, types_.string)) throw FormatError("a str was expected in the target");
  const auto size = pointer(object + layout_.object.ob_size).value();
  if (size > longest_code) throw LimitError("a str of the target claims an absurd length");
  return memory_.bytes(object + layout_.string.ob_sval, size);
}

std::optional<std::int64_t> Objects::integer(Address object) {
  if (object.is_null()) return std::nullopt;
  const auto type = type_of(object);
  if (type == types_.integer || type == types_.boolean) {
    const auto at = object + layout_.integer.ob_ival;
    return layout_.word == 8 ? memory_.value<std::int64_t>(at) : memory_.value<std::int32_t>(at);
  }
  if (type == types_.long_integer) {
    // Include/longintrepr.h: |ob_size| digits, least significant first; the sign is ob_size's.
    const auto raw = pointer(object + layout_.object.ob_size).value();
    const auto size =
        layout_.word == 8 ? static_cast<std::int64_t>(raw) : static_cast<std::int32_t>(raw);
    const auto digits = size < 0 ? -size : size;
    const unsigned bits = layout_.word == 8 ? 30 : 15;
    if (digits < 0 || digits > (62 + bits) / bits) return std::nullopt;
    std::uint64_t value = 0;
    for (std::int64_t i = digits; i-- > 0;) {
      const auto index = static_cast<std::uint64_t>(i);
      const auto at = object + layout_.long_integer.ob_digit;
      const std::uint64_t digit = layout_.word == 8 ? memory_.value<std::uint32_t>(at + index * 4)
                                                    : memory_.value<std::uint16_t>(at + index * 2);
      value = (value << bits) | digit;
    }
    const auto magnitude = static_cast<std::int64_t>(value);
    return size < 0 ? -magnitude : magnitude;
  }
  return std::nullopt;
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

void Objects::for_each_item(Address dict, const std::function<bool(Address, Address)>& visit) {
  if (!derives_from(dict, types_.dict)) return;
  const auto slots = pointer(dict + layout_.dict.ma_mask).value() + 1;
  if (slots > most_dict_slots) throw LimitError("a dict of the target claims an absurd size");
  const auto table = pointer(dict + layout_.dict.ma_table);
  const auto& entry = layout_.dict_entry;
  std::vector<std::byte> bytes;
  const auto word = [&](std::uint64_t at) {
    return layout_.word == 8 ? Address{*load<std::uint64_t>(bytes, at)}
                             : Address{*load<std::uint32_t>(bytes, at)};
  };
  constexpr std::uint64_t at_once = 4096;
  for (std::uint64_t first = 0; first < slots; first += at_once) {
    const auto count = std::min(at_once, slots - first);
    bytes = memory_.bytes(table + first * entry.size, count * entry.size);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto value = word(i * entry.size + entry.me_value);
      // An empty or deleted slot has no value (Objects/dictobject.c).
      if (!value.is_null() && !visit(word(i * entry.size + entry.me_key), value)) return;
    }
  }
}

Address Objects::item(Address dict, std::string_view key) {
  if (items_.size() > most_remembered) items_.clear();
  auto& known = items_[dict];
  if (const auto found = known.find(key); found != known.end()) return found->second;
  const auto value = knows_hashes(dict) ? item_by_hash(dict, key) : item_by_text(dict, key);
  known.emplace(key, value);
  return value;
}

std::uint64_t Objects::hash_of(std::string_view text) const {
  if (text.empty()) return 0;
  std::uint64_t hash = std::uint64_t{static_cast<unsigned char>(text[0])} << 7;
  for (const char c : text) hash = (1000003 * hash) ^ static_cast<unsigned char>(c);
  hash = to_word(hash ^ text.size(), layout_.word);
  const auto error = to_word(~std::uint64_t{0}, layout_.word);
  return hash == error ? error - 1 : hash;
}

bool Objects::knows_hashes(Address dict) {
  // One key tells: the secret is the process's (Python/random.c, _PyRandom_Init).
  if (knows_hashes_) return *knows_hashes_;
  for_each_item(dict, [&](Address key, Address) {
    if (knows_hashes_) return false;
    try {
      if (!is(key, types_.string)) return true;
      const auto name = known_name(key).value_or("");
      if (!name.empty()) {
        knows_hashes_ = pointer(key + layout_.string.ob_shash) == Address{hash_of(name)};
      }
    } catch (const Error&) {
      // Another key may be sound.
    }
    return true;
  });
  return knows_hashes_.value_or(false);
}

Address Objects::item_by_hash(Address dict, std::string_view key) {
  if (!derives_from(dict, types_.dict)) return {};
  const auto mask = pointer(dict + layout_.dict.ma_mask).value();
  if (mask >= most_dict_slots) throw LimitError("a dict of the target claims an absurd size");
  const auto table = pointer(dict + layout_.dict.ma_table);
  const auto& entry = layout_.dict_entry;
  const auto hash = hash_of(key);
  // Objects/dictobject.c, lookdict_string.
  auto slot = hash;
  auto perturb = hash;
  for (std::uint64_t probes = 0; probes <= std::min(mask, most_probes); ++probes) {
    const auto at = table + (slot & mask) * entry.size;
    const auto candidate = pointer(at + entry.me_key);
    if (candidate.is_null()) return {};
    if (pointer(at + entry.me_hash) == Address{hash} && known_name(candidate) == key) {
      return pointer(at + entry.me_value);
    }
    slot = to_word(slot * 5 + perturb + 1, layout_.word);
    perturb >>= 5;
  }
  return {};
}

Address Objects::item_by_text(Address dict, std::string_view key) {
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

Address Objects::dict_of(Address object) {
  if (object.is_null()) return {};
  const auto type = type_of(object);
  if (type == types_.instance) return pointer(object + layout_.instance.in_dict);
  if (type == types_.module) return pointer(object + layout_.module.md_dict);
  if (type == types_.class_object) return pointer(object + layout_.class_object.cl_dict);
  if (derives_from(object, types_.type)) return pointer(object + layout_.type.tp_dict);
  const auto raw = pointer(type + layout_.type.tp_dictoffset).value();
  const auto offset =
      layout_.word == 8 ? static_cast<std::int64_t>(raw) : static_cast<std::int32_t>(raw);
  // A negative offset counts from the end of a variable-sized object; none that we look at has one.
  if (offset <= 0) return {};
  return pointer(object + static_cast<std::uint64_t>(offset));
}

Address Objects::attribute(Address object, std::string_view name) {
  return item(dict_of(object), name);
}

std::string Objects::type_name(Address type) {
  if (is(type, types_.class_object)) {
    return text(pointer(type + layout_.class_object.cl_name)).value_or("");
  }
  return c_string(pointer(type + layout_.type.tp_name));
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

}  // namespace importlock
