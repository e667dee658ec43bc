#pragma once

#include "cpython/objects.hpp"
#include "cpython/v3/siphash.hpp"

namespace importlock {

/// The objects of CPython 3.6 to 3.13.
class Python3Objects : public Objects {
 public:
  /// `hash_secret` is the address of _Py_HashSecret; null where it is not known.
  Python3Objects(Memory& memory, const Layout& layout, const TypeObjects& types,
                 Address hash_secret)
      : Objects(memory, layout, types), hash_secret_(hash_secret) {}

  [[nodiscard]] Literals literals() const override { return {"b", "", ""}; }
  std::uint64_t length(Address object) override;
  std::optional<std::int64_t> integer(Address object) override;
  void for_each_item(Address dict, const std::function<bool(Address, Address)>& visit) override;
  Address attribute(Address object, std::string_view name) override;
  Address dict_of(Address object) override;

 private:
  /// A keys object (Objects/dictobject.c).
  struct Keys {
    Address indices;
    std::uint64_t slots = 0;        ///< of the hash table: a power of two
    std::uint64_t index_width = 1;  ///< bytes
    Address entries;
    std::uint64_t number = 0;
    std::uint64_t entry_size = 0;
    std::uint64_t key = 0;    ///< offset in an entry; before it lies the hash, where it is not 0
    std::uint64_t value = 0;  ///< the same
  };
  /// Where the attributes of an instance are: one of the two, or neither.
  struct Attributes {
    Address dict;
    Address values;
  };

  std::optional<std::string> read_text(Address object, std::size_t most) override;
  std::optional<std::uint64_t> hash_of(std::string_view text) override;
  std::optional<std::uint64_t> kept_hash(Address object) override;
  Address find_by_hash(Address dict, std::string_view key, std::uint64_t hash) override;
  Keys keys_at(Address keys);
  /// The number of a key's entry, looked up by its hash.
  std::optional<std::uint64_t> index_of(const Keys& keys, std::string_view key, std::uint64_t hash);
  std::uint64_t index_at(const Keys& keys, std::uint64_t slot);
  /// Calls `visit(index, key, value)` for each entry of a keys object.
  void for_each_entry(const Keys& keys,
                      const std::function<bool(std::uint64_t, Address, Address)>& visit);
  Attributes attributes_of(Address object);
  /// The dict of a type: its own, or of a static type of the core the interpreter's (3.12).
  Address dict_of_type(Address type);
  /// The attribute of that name in an array of values, whose names the class keeps.
  Address value_of(Address object, Address values, std::string_view name);

  Address hash_secret_;
  std::optional<v3::SipKey> hash_key_;
};

}  // namespace importlock
