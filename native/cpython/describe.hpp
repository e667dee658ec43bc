#pragma once

#include <string>
#include <vector>

#include "cpython/frames.hpp"
#include "cpython/objects.hpp"
#include "model/snapshot.hpp"

namespace importlock {

/// The object as repr() would write it, as far as that can be told from its memory: numbers,
/// strings, tuples, lists and dicts by value, everything else by its type and address. Bounded in
/// depth and length; what is damaged is shown as "<unreadable>". Never throws for what the target
/// holds.
std::string describe(Objects& objects, Address object);

/// The frame's arguments, then its other local variables that are bound; at most 50.
std::vector<Variable> read_locals(FrameReader& frames, const RawFrame& frame);

}  // namespace importlock
