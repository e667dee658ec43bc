#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/address.hpp"
#include "elf/elf_file.hpp"
#include "target/memory.hpp"
#include "target/target.hpp"

namespace importlock {

/// The build id of the ELF image whose first byte lies at `start`, read from the target's memory;
/// nothing where its headers or notes are not there.
std::optional<std::string> build_id_in_memory(Memory& memory, Address start);

/// The file behind a path that the target maps.
struct ImageFile {
  std::unique_ptr<ElfFile> file;  ///< null: could not be had
  LoadBias bias{};
  std::string why_not;  ///< one clause; empty where the path is an ELF image's, or no image at all
};

/// Opens the file that the target has mapped as `path`: under each of the roots, in the folders to
/// search, among the files that a debugger has loaded, and for a live process what the kernel
/// still holds of it, which serves where the path is deleted or leads to another file by now. A
/// file whose build id is not that of the target's memory, or that does not lie as the target has
/// mapped it, is not taken.
ImageFile open_image(const Target& target, const std::string& path);

/// Opens, once each, the images that a target has mapped at the addresses asked for. Refers to the
/// target, which must outlive it.
class ImageOpener {
 public:
  explicit ImageOpener(const Target& target) : target_(target) {}
  /// No file where none is mapped there, it cannot be had, or it was opened before.
  ImageFile operator()(Address address);

 private:
  const Target& target_;
  std::unordered_set<std::string> tried_;
};

}  // namespace importlock
