#pragma once

#include "cpython/objects.hpp"

namespace importlock {

/// The objects of CPython 2.7: int and long, str and unicode, classes of both styles.
class Python2Objects : public Objects {
 public:
  using Objects::Objects;

  [[nodiscard]] Literals literals() const override { return {"", "u", "L"}; }
  std::uint64_t length(Address object) override;
  std::optional<std::int64_t> integer(Address object) override;
  void for_each_item(Address dict, const std::function<bool(Address, Address)>& visit) override;
  Address dict_of(Address object) override;
  std::string type_name(Address type) override;
  Address class_of(Address object) override;

 private:
  std::optional<std::string> read_text(Address object, std::size_t most) override;
  /// Objects/stringobject.c, string_hash, without the secret that python -R gives it.
  std::optional<std::uint64_t> hash_of(std::string_view text) override;
  std::optional<std::uint64_t> kept_hash(Address object) override;
  Address find_by_hash(Address dict, std::string_view key, std::uint64_t hash) override;
};

}  // namespace importlock
