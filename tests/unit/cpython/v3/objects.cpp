#include "cpython/v3/objects.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "cpython/layouts/python3.hpp"

namespace importlock {

namespace {

constexpr std::uint64_t base = 0x10000;

/// Memory from `base` on, written word by word.
class Room : public Memory {
 public:
  explicit Room(unsigned word) : word_(word) {}
  bool try_read(Address address, std::span<std::byte> into) override {
    const auto offset = address.value() - base;
    if (address.value() < base || offset > bytes_.size() || bytes_.size() - offset < into.size()) {
      return false;
    }
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return true;
  }
  void put(Address at, std::uint64_t value) { write(at, &value, word_); }
  void write(Address at, const void* data, std::size_t size) {
    std::memcpy(bytes_.data() + (at.value() - base), data, size);
  }
  Address take(std::size_t size) {
    const Address result{base + used_};
    used_ += (size + 15) / 16 * 16;
    return result;
  }

 private:
  unsigned word_;
  std::vector<std::byte> bytes_ = std::vector<std::byte>(0x10000);
  std::size_t used_ = 0;
};

/// Objects of CPython 3.11.
struct Target3 {
  Layout layout;
  Room memory;
  TypeObjects types;

  explicit Target3(Architecture architecture = Architecture::x86_64, unsigned minor = 11)
      : layout(python3_table(minor, architecture)->layout), memory(layout.word) {
    for (auto* type : {&types.type, &types.unicode, &types.dict, &types.long_integer}) {
      *type = memory.take(512);
    }
    for (const auto type : {types.type, types.unicode, types.dict, types.long_integer}) {
      memory.put(type + layout.object.ob_type, types.type.value());
    }
  }
  Address object(Address type, std::size_t size) {
    const auto at = memory.take(size);
    memory.put(at + layout.object.ob_type, type.value());
    return at;
  }
  Address text(const std::string& value) {
    const auto at = object(types.unicode, 64 + value.size());
    memory.put(at + layout.flexible_unicode.length, value.size());
    memory.put(at + layout.flexible_unicode.state, 1U << 2 | 1U << 5 | 1U << 6);
    memory.write(at + layout.flexible_unicode.ascii_data, value.data(), value.size());
    return at;
  }
  Address integer(std::int64_t size, std::uint32_t digit) {
    const auto at = object(types.long_integer, 32);
    memory.put(at + layout.object.ob_size, static_cast<std::uint64_t>(size));
    memory.put(at + layout.long_integer.ob_digit, digit);
    return at;
  }
  /// A keys object of 8 indices, which has str keys alone.
  Address keys(const std::vector<std::pair<Address, Address>>& entries, unsigned kind) {
    const auto at = memory.take(200);
    memory.put(at + layout.dict_keys.dk_log2_size, 3 | 3 << 8 | kind << 16);
    memory.put(at + layout.dict_keys.dk_nentries, entries.size());
    auto entry = at + layout.dict_keys.dk_indices + 8;
    for (const auto& [key, value] : entries) {
      memory.put(entry, key.value());
      memory.put(entry + layout.word, value.value());
      entry = entry + 2 * layout.word;
    }
    return at;
  }
  Address dict(Address keys, Address values) {
    const auto at = object(types.dict, 64);
    memory.put(at + layout.split_dict.ma_keys, keys.value());
    memory.put(at + layout.split_dict.ma_values, values.value());
    return at;
  }
  Python3Objects objects() { return {memory, layout, types, {}}; }
};

void look_up_by_hashes(Architecture architecture) {
  Target3 target(architecture);
  const auto secret = target.memory.take(16);
  constexpr std::array<std::uint64_t, 2> secrets{7, 8};
  target.memory.write(secret, secrets.data(), sizeof secrets);
  // Kept in a word of the target.
  const auto hash = [](std::string_view text) { return importlock::v3::siphash({7, 8}, 1, text); };
  const auto key = [&](const std::string& text) {
    const auto at = target.text(text);
    target.memory.put(at + target.layout.flexible_unicode.hash, hash(text));
    return at;
  };
  const auto one = target.integer(1, 1);
  const auto two = target.integer(1, 2);
  // The hash table does not lead to the last.
  const auto keys = target.keys({{key("owner"), one}, {key("lock"), two}, {key("level"), two}}, 1);
  const auto indices = keys + target.layout.dict_keys.dk_indices;
  constexpr auto empty = ~std::uint64_t{0};
  target.memory.write(indices, &empty, sizeof empty);
  const auto place = [&](std::string_view text, std::uint8_t index) {
    target.memory.write(indices + (hash(text) & 7), &index, 1);
  };
  BOOST_REQUIRE((hash("owner") & 7) != (hash("lock") & 7));
  place("owner", 0);
  place("lock", 1);
  const auto dict = target.dict(keys, {});
  importlock::Python3Objects objects(target.memory, target.layout, target.types, secret);
  BOOST_TEST((objects.item(dict, "owner") == one));
  BOOST_TEST((objects.item(dict, "lock") == two));
  BOOST_TEST(objects.item(dict, "level").is_null());
  // One whose hashes are of another secret is looked through.
  target.memory.put(secret, std::uint64_t{9});
  importlock::Python3Objects others(target.memory, target.layout, target.types, secret);
  BOOST_TEST((others.item(dict, "owner") == one));
  BOOST_TEST((others.item(dict, "level") == two));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(objects_of_3)

BOOST_AUTO_TEST_CASE(a_dict_is_looked_up_by_hashes) {
  for (const auto architecture : {Architecture::x86_64, Architecture::i386}) {
    BOOST_TEST_CONTEXT(name_of(architecture)) { look_up_by_hashes(architecture); }
  }
}

BOOST_AUTO_TEST_CASE(a_dict_of_names_is_read) {
  Target3 target;
  const auto one = target.integer(1, 1);
  const auto dict =
      target.dict(target.keys({{target.text("a"), Address{}}, {target.text("owner"), one}}, 1), {});
  auto objects = target.objects();
  BOOST_TEST((objects.item(dict, "owner") == one));
  BOOST_TEST(objects.item(dict, "a").is_null());  // deleted
  BOOST_TEST(objects.item(dict, "b").is_null());
}

BOOST_AUTO_TEST_CASE(a_split_dict_takes_its_values_from_the_instance) {
  Target3 target;
  const auto one = target.integer(1, 1);
  const auto values = target.memory.take(16);
  target.memory.put(values + 8, one.value());
  const auto dict =
      target.dict(target.keys({{target.text("a"), {}}, {target.text("b"), {}}}, 2), values);
  auto objects = target.objects();
  BOOST_TEST(objects.item(dict, "a").is_null());
  BOOST_TEST((objects.item(dict, "b") == one));
}

BOOST_AUTO_TEST_CASE(attributes_lie_before_an_instance) {
  Target3 target;
  auto& memory = target.memory;
  const auto type = target.object(target.types.type, 1024);
  memory.put(type + target.layout.type.tp_flags, 1 << 4);
  memory.put(type + target.layout.managed.ht_cached_keys,
             target.keys({{target.text("owner"), {}}}, 2).value());
  const auto one = target.integer(1, 1);
  const auto values = memory.take(16);
  memory.put(values, one.value());
  const auto whole = memory.take(64);
  const auto instance = whole + 32;
  memory.put(instance + target.layout.object.ob_type, type.value());
  memory.put(whole, values.value());
  auto objects = target.objects();
  BOOST_TEST((objects.attribute(instance, "owner") == one));
  BOOST_TEST(objects.attribute(instance, "name").is_null());
  // Once somebody has asked for its __dict__.
  const auto two = target.integer(1, 2);
  memory.put(whole + 8, target.dict(target.keys({{target.text("owner"), two}}, 1), {}).value());
  BOOST_TEST((target.objects().attribute(instance, "owner") == two));
}

// Include/cpython/longintrepr.h: PYLONG_BITS_IN_DIGIT, 15 on 32 bits up to 3.10.
BOOST_AUTO_TEST_CASE(digits_are_as_wide_as_the_build_has_them) {
  Target3 narrow(Architecture::i386, 9);
  auto on_32_bits = narrow.objects();
  BOOST_TEST(on_32_bits.integer(narrow.integer(2, 3U << 16 | 1)).value() == (3 << 15 | 1));
  Target3 wide;
  auto on_64_bits = wide.objects();
  BOOST_TEST(on_64_bits.integer(wide.integer(1, 3U << 16 | 1)).value() == (3 << 16 | 1));
}

BOOST_AUTO_TEST_CASE(numbers_have_a_sign) {
  Target3 target;
  auto objects = target.objects();
  BOOST_TEST(objects.integer(target.integer(1, 7)).value() == 7);
  BOOST_TEST(objects.integer(target.integer(-1, 7)).value() == -7);
  BOOST_TEST(objects.integer(target.integer(0, 7)).value() == 0);
  BOOST_TEST(!objects.integer(target.integer(100, 7)).has_value());
}

BOOST_AUTO_TEST_CASE(absurd_lengths_are_refused) {
  Target3 target;
  const auto text = target.text("a");
  target.memory.put(text + target.layout.flexible_unicode.length, ~std::uint64_t{0});
  BOOST_CHECK_THROW(target.objects().text(text), LimitError);
  const auto keys = target.keys({}, 1);
  target.memory.put(keys + target.layout.dict_keys.dk_nentries, ~std::uint64_t{0});
  BOOST_CHECK_THROW(target.objects().item(target.dict(keys, {}), "a"), LimitError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace importlock
