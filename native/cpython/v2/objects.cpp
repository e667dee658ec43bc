#include "cpython/v2/objects.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "cpython/utf8.hpp"

namespace importlock {

namespace {

constexpr std::uint64_t longest_string = 1 << 24;
constexpr std::uint64_t most_dict_slots = 1 << 22;  // sys.modules of a huge program: some 2^14
constexpr std::uint64_t most_probes = 10'000;       // a lookup takes one or two

}  // namespace

std::optional<std::string> Python2Objects::read_text(Address object, std::size_t most) {
  const auto type = type_of(object);
  if (type == types().bytes) return raw_text(object, most);
  if (type == types().unicode) {
    const auto length = pointer(object + layout().unicode.length).value();
    if (length > longest_string)
      throw LimitError("a unicode of the target claims an absurd length");
    const auto count = std::min<std::size_t>(length, most);
    const auto start = pointer(object + layout().unicode.str);
    const auto bytes = memory().bytes(start, count * layout().unicode_width);
    std::string result;
    for (std::size_t i = 0; i < count; ++i) {
      if (layout().unicode_width == 4) {
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

std::optional<std::int64_t> Python2Objects::integer(Address object) {
  if (object.is_null()) return std::nullopt;
  const auto type = type_of(object);
  if (type == types().integer || type == types().boolean) {
    return signed_word(object + layout().integer.ob_ival);
  }
  if (type == types().long_integer) {
    // Include/longintrepr.h: |ob_size| digits; the sign is ob_size's.
    const auto size = signed_word(object + layout().object.ob_size);
    const auto digits = static_cast<std::uint64_t>(size);
    return long_of_digits(object + layout().long_integer.ob_digit, size < 0 ? 0 - digits : digits,
                          size < 0);
  }
  return std::nullopt;
}

std::uint64_t Python2Objects::length(Address object) {
  const bool unicode = is(object, types().unicode);
  return pointer(object + (unicode ? layout().unicode.length : layout().object.ob_size)).value();
}

void Python2Objects::for_each_item(Address dict,
                                   const std::function<bool(Address, Address)>& visit) {
  if (!derives_from(dict, types().dict)) return;
  const auto slots = pointer(dict + layout().dict.ma_mask).value() + 1;
  if (slots > most_dict_slots) throw LimitError("a dict of the target claims an absurd size");
  const auto table = pointer(dict + layout().dict.ma_table);
  const auto& entry = layout().dict_entry;
  std::vector<std::byte> bytes;
  const auto word = [&](std::uint64_t at) { return Address{*load_word(bytes, at, layout().word)}; };
  constexpr std::uint64_t at_once = 4096;
  for (std::uint64_t first = 0; first < slots; first += at_once) {
    const auto count = std::min(at_once, slots - first);
    bytes = memory().bytes(table + first * entry.size, count * entry.size);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto value = word(i * entry.size + entry.me_value);
      // An empty or deleted slot has no value (Objects/dictobject.c).
      if (!value.is_null() && !visit(word(i * entry.size + entry.me_key), value)) return;
    }
  }
}

std::optional<std::uint64_t> Python2Objects::hash_of(std::string_view text) {
  if (text.empty()) return 0;
  std::uint64_t hash = std::uint64_t{static_cast<unsigned char>(text[0])} << 7;
  for (const char c : text) hash = (1000003 * hash) ^ static_cast<unsigned char>(c);
  hash = to_word(hash ^ text.size(), layout().word);
  const auto error = to_word(~std::uint64_t{0}, layout().word);
  return hash == error ? error - 1 : hash;
}

std::optional<std::uint64_t> Python2Objects::kept_hash(Address object) {
  if (!is(object, types().bytes)) return std::nullopt;
  return pointer(object + layout().bytes.ob_shash).value();
}

Address Python2Objects::find_by_hash(Address dict, std::string_view key, std::uint64_t hash) {
  if (!derives_from(dict, types().dict)) return {};
  const auto mask = pointer(dict + layout().dict.ma_mask).value();
  if (mask >= most_dict_slots) throw LimitError("a dict of the target claims an absurd size");
  const auto table = pointer(dict + layout().dict.ma_table);
  const auto& entry = layout().dict_entry;
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
    slot = to_word(slot * 5 + perturb + 1, layout().word);
    perturb >>= 5;
  }
  return {};
}

Address Python2Objects::dict_of(Address object) {
  if (object.is_null()) return {};
  const auto type = type_of(object);
  if (type == types().instance) return pointer(object + layout().instance.in_dict);
  if (type == types().module) return pointer(object + layout().module.md_dict);
  if (type == types().class_object) return pointer(object + layout().class_object.cl_dict);
  if (derives_from(object, types().type)) return pointer(object + layout().type.tp_dict);
  const auto offset = signed_word(type + layout().type.tp_dictoffset);
  // A negative offset counts from the end of a variable-sized object; none that we look at has one.
  if (offset <= 0) return {};
  return pointer(object + static_cast<std::uint64_t>(offset));
}

std::string Python2Objects::type_name(Address type) {
  if (is(type, types().class_object)) {
    return text(pointer(type + layout().class_object.cl_name)).value_or("");
  }
  return Objects::type_name(type);
}

Address Python2Objects::class_of(Address object) {
  const auto type = type_of(object);
  return type == types().instance ? pointer(object + layout().instance.in_class) : type;
}

}  // namespace importlock
