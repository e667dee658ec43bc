#include "cpython/v3/objects.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "cpython/utf8.hpp"

namespace importlock {

namespace {

constexpr std::uint64_t longest_string = 1 << 24;
constexpr std::uint64_t most_dict_entries = 1 << 22;  // sys.modules of a huge program: some 2^14
constexpr std::uint64_t most_log2_size = 40;
constexpr std::uint64_t most_attributes = 1 << 16;
constexpr std::uint64_t most_probes = 10'000;  // a lookup takes one or two

// Objects/dictobject.c: DKIX_EMPTY, DKIX_DUMMY.
constexpr std::uint64_t empty_slot = ~std::uint64_t{0};
constexpr std::uint64_t deleted_slot = empty_slot - 1;

// Include/object.h.
constexpr std::uint64_t inline_values_flag = 1 << 2;
constexpr std::uint64_t managed_dict_flag = 1 << 4;

/// PyASCIIObject.state (Include/cpython/unicodeobject.h).
struct UnicodeState {
  std::uint64_t width;
  bool compact, ascii;
};

UnicodeState unicode_state(std::uint32_t bits, unsigned kind_bit) {
  bits >>= kind_bit;
  return {bits & 7, (bits & (1U << 3)) != 0, (bits & (1U << 4)) != 0};
}

}  // namespace

std::optional<std::string> Python3Objects::read_text(Address object, std::size_t most) {
  if (type_of(object) != types().unicode) return std::nullopt;
  const auto& at = layout().flexible_unicode;
  // Length and state at once.
  const auto head = memory().bytes(object, at.state + sizeof(std::uint32_t));
  const auto length = load_word(head, at.length, layout().word).value_or(0);
  const auto state =
      unicode_state(load<std::uint32_t>(head, at.state).value_or(0), layout().unicode_kind_bit);
  if (length > longest_string) throw LimitError("a str of the target claims an absurd length");
  if (state.width != 1 && state.width != 2 && state.width != 4) {
    throw FormatError("a str of the target is of no kind that there is");
  }
  const auto start = !state.compact ? pointer(object + at.data)
                     : state.ascii  ? object + at.ascii_data
                                    : object + at.compact_data;
  const auto count = std::min<std::size_t>(length, most);
  if (state.ascii) {
    std::string result(count, '\0');
    memory().read(start, std::as_writable_bytes(std::span(result)));
    return result;
  }
  const auto bytes = memory().bytes(start, count * state.width);
  std::string result;
  for (std::size_t i = 0; i < count; ++i) {
    append_utf8(result, state.width == 1   ? *load<std::uint8_t>(bytes, i)
                        : state.width == 2 ? *load<std::uint16_t>(bytes, i * 2)
                                           : *load<std::uint32_t>(bytes, i * 4));
  }
  return result;
}

std::uint64_t Python3Objects::length(Address object) {
  const bool text = is(object, types().unicode);
  return pointer(object + (text ? layout().flexible_unicode.length : layout().object.ob_size))
      .value();
}

std::optional<std::int64_t> Python3Objects::integer(Address object) {
  if (object.is_null()) return std::nullopt;
  const auto type = type_of(object);
  if (type != types().long_integer && type != types().boolean) return std::nullopt;
  const auto& at = layout().long_integer;
  const auto size = signed_word(object + layout().object.ob_size);
  auto digits = static_cast<std::uint64_t>(size);
  bool negative = size < 0;
  if (at.family == Layout::Digits::tag) {
    // Include/cpython/longintrepr.h of 3.12: the sign in the two lowest bits, 2 where negative.
    negative = (digits & 3) == 2;
    digits >>= 3;
  } else if (negative) {
    digits = 0 - digits;
  }
  return long_of_digits(object + at.ob_digit, digits, negative);
}

Python3Objects::Keys Python3Objects::keys_at(Address keys) {
  const auto& at = layout().dict_keys;
  const unsigned word = layout().word;
  Keys result;
  result.number = memory().word(keys + at.dk_nentries, word);
  if (result.number > most_dict_entries) {
    throw LimitError("a dict of the target claims an absurd size");
  }
  bool hashes = true;
  if (at.family == Layout::DictKeys::sized) {
    const auto size = memory().word(keys + at.dk_size, word);
    result.slots = size;
    result.index_width = size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffff'ffff ? 4 : 8;
  } else {
    const auto log2 = memory().value<std::uint8_t>(keys + at.dk_log2_size);
    const auto log2_bytes = memory().value<std::uint8_t>(keys + at.dk_log2_index_bytes);
    if (log2_bytes > most_log2_size || log2 > log2_bytes) {
      throw FormatError("a dict of the target claims an absurd size");
    }
    result.slots = std::uint64_t{1} << log2;
    result.index_width = std::uint64_t{1} << (log2_bytes - log2);
    // DICT_KEYS_GENERAL is 0; the others have str keys alone, and leave their hashes to these.
    hashes = memory().value<std::uint8_t>(keys + at.dk_kind) == 0;
  }
  result.indices = keys + at.dk_indices;
  result.entries = result.indices + result.slots * result.index_width;
  result.key = hashes ? word : 0;
  result.value = result.key + word;
  result.entry_size = result.value + word;
  return result;
}

void Python3Objects::for_each_entry(
    const Keys& keys, const std::function<bool(std::uint64_t, Address, Address)>& visit) {
  constexpr std::uint64_t at_once = 1024;
  for (std::uint64_t first = 0; first < keys.number; first += at_once) {
    const auto count = std::min(at_once, keys.number - first);
    const auto bytes =
        memory().bytes(keys.entries + first * keys.entry_size, count * keys.entry_size);
    const auto word = [&](std::uint64_t at) {
      return Address{*load_word(bytes, at, layout().word)};
    };
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto entry = i * keys.entry_size;
      if (!visit(first + i, word(entry + keys.key), word(entry + keys.value))) return;
    }
  }
}

void Python3Objects::for_each_item(Address dict,
                                   const std::function<bool(Address, Address)>& visit) {
  if (!derives_from(dict, types().dict)) return;
  const auto keys = keys_at(pointer(dict + layout().split_dict.ma_keys));
  const auto values = pointer(dict + layout().split_dict.ma_values);
  for_each_entry(keys, [&](std::uint64_t index, Address key, Address value) {
    if (!values.is_null()) {
      value = pointer(values + layout().managed.values + index * layout().word);
    }
    // A deleted entry has no value, nor has one of a split table whose instance lacks it.
    return value.is_null() || visit(key, value);
  });
}

std::optional<std::uint64_t> Python3Objects::hash_of(std::string_view text) {
  if (hash_secret_.is_null() || layout().siphash_rounds == 0) return std::nullopt;
  if (text.empty()) return 0;
  if (!hash_key_) {
    // Include/pyhash.h, _Py_HashSecret_t: two uint64_t.
    hash_key_ = {memory().value<std::uint64_t>(hash_secret_),
                 memory().value<std::uint64_t>(hash_secret_ + sizeof(std::uint64_t))};
  }
  // Python/pyhash.c: cut to a Py_hash_t, of which -1 means an error.
  const auto word = layout().word;
  const auto hash = to_word(v3::siphash(*hash_key_, layout().siphash_rounds, text), word);
  const auto error = to_word(~std::uint64_t{0}, word);
  return hash == error ? error - 1 : hash;
}

std::optional<std::uint64_t> Python3Objects::kept_hash(Address object) {
  if (!is(object, types().unicode)) return std::nullopt;
  return pointer(object + layout().flexible_unicode.hash).value();
}

std::optional<std::uint64_t> Python3Objects::index_of(const Keys& keys, std::string_view key,
                                                      std::uint64_t hash) {
  // Objects/dictobject.c, unicodekeys_lookup_unicode and lookdict_unicode.
  const auto mask = keys.slots - 1;
  auto slot = hash & mask;
  auto perturb = hash;
  for (std::uint64_t probes = 0; probes <= std::min(mask, most_probes); ++probes) {
    const auto index = index_at(keys, slot);
    if (index == empty_slot) return std::nullopt;
    if (index != deleted_slot) {
      if (index >= keys.number) throw FormatError("a dict of the target has an entry too many");
      const auto entry = keys.entries + index * keys.entry_size;
      const auto candidate = pointer(entry + keys.key);
      const auto its_hash = keys.key != 0 ? pointer(entry).value() : kept_hash(candidate);
      if (its_hash == hash && known_name(candidate) == key) return index;
    }
    perturb >>= 5;
    slot = (slot * 5 + perturb + 1) & mask;
  }
  return std::nullopt;
}

std::uint64_t Python3Objects::index_at(const Keys& keys, std::uint64_t slot) {
  const auto at = keys.indices + slot * keys.index_width;
  switch (keys.index_width) {
    case 1: return static_cast<std::uint64_t>(memory().value<std::int8_t>(at));
    case 2: return static_cast<std::uint64_t>(memory().value<std::int16_t>(at));
    case 4: return static_cast<std::uint64_t>(memory().value<std::int32_t>(at));
    default: return memory().value<std::uint64_t>(at);
  }
}

Address Python3Objects::find_by_hash(Address dict, std::string_view key, std::uint64_t hash) {
  if (!derives_from(dict, types().dict)) return {};
  const auto keys = keys_at(pointer(dict + layout().split_dict.ma_keys));
  const auto index = index_of(keys, key, hash);
  if (!index) return {};
  const auto values = pointer(dict + layout().split_dict.ma_values);
  return pointer(values.is_null() ? keys.entries + *index * keys.entry_size + keys.value
                                  : values + layout().managed.values + *index * layout().word);
}

Address Python3Objects::dict_of_type(Address type) {
  const auto dict = pointer(type + layout().type.tp_dict);
  return dict;
}

Python3Objects::Attributes Python3Objects::attributes_of(Address object) {
  if (object.is_null()) return {};
  const auto type = type_of(object);
  if (type == types().module) return {pointer(object + layout().module.md_dict), {}};
  if (derives_from(object, types().type)) return {dict_of_type(object), {}};
  const auto flags = pointer(type + layout().type.tp_flags).value();
  const std::uint64_t word = layout().word;
  const auto before = [&](std::uint64_t words) {
    return pointer(Address{object.value() - words * word});
  };
  if ((flags & managed_dict_flag) != 0) {
    switch (layout().managed.family) {
      case Layout::Attributes::values_before: {
        // Include/internal/pycore_object.h of 3.11, _PyObject_ValuesPointer, _ManagedDictPointer.
        const auto dict = before(3);
        return {dict, dict.is_null() ? before(4) : Address{}};
      }
      case Layout::Attributes::values_or_dict: {
        // The same of 3.12, PyDictOrValues: the lowest bit marks values.
        const auto either = before(3);
        if ((either.value() & 1) == 0) return {either, {}};
        return {{}, either + 1};
      }
      case Layout::Attributes::inline_values: {
        // The same of 3.13, MANAGED_DICT_OFFSET.
        const auto dict = before(layout().managed_dict_before);
        const bool within = dict.is_null() && (flags & inline_values_flag) != 0;
        const auto size = pointer(type + layout().type.tp_basicsize).value();
        return {dict, within ? object + size : Address{}};
      }
      case Layout::Attributes::dictoffset: break;
    }
  }
  const auto offset = signed_word(type + layout().type.tp_dictoffset);
  // A negative offset counts from the end of a variable-sized object; none that we look at has one.
  if (offset <= 0) return {};
  return {pointer(object + static_cast<std::uint64_t>(offset)), {}};
}

Address Python3Objects::dict_of(Address object) { return attributes_of(object).dict; }

Address Python3Objects::attribute(Address object, std::string_view name) {
  const auto held = attributes_of(object);
  if (!held.values.is_null()) return value_of(object, held.values, name);
  return item(held.dict, name);
}

Address Python3Objects::value_of(Address object, Address values, std::string_view name) {
  auto keys = keys_at(pointer(type_of(object) + layout().managed.ht_cached_keys));
  keys.number = std::min(keys.number, most_attributes);
  const auto value = [&](std::uint64_t index) {
    return pointer(values + layout().managed.values + index * layout().word);
  };
  if (const auto hash = trusted_hash(name)) {
    const auto index = index_of(keys, name, *hash);
    return index ? value(*index) : Address{};
  }
  Address result;
  for_each_entry(keys, [&](std::uint64_t index, Address key, Address) {
    if (key.is_null() || this->name(key) != name) return true;
    result = value(index);
    return false;
  });
  return result;
}

}  // namespace importlock
