// What resources/metal/dequantise.metal needs of the Metal Shading Language, in C++14: its arithmetic can be
// tested where there is no Mac. Attributes in [[…]] are left to the compiler, which ignores the unknown.
#pragma once

#include <cstdint>
#include <cstring>

#define kernel extern "C"
#define device

using uchar = std::uint8_t;
using ushort = std::uint16_t;
using uint = std::uint32_t;
using half = _Float16;

struct packed_uchar4 {
    uchar bytes[4];
    uchar operator[](uint i) const { return bytes[i]; }
};

struct alignas(16) uint4 {
    uint x, y, z, w;
    uint4(uint x_, uint y_, uint z_, uint w_) : x(x_), y(y_), z(z_), w(w_) {}
};

namespace metal {}

template <typename To, typename From>
static inline To as_type(From from) {
    static_assert(sizeof(To) == sizeof(From), "as_type keeps the size");
    To to;
    std::memcpy(&to, &from, sizeof(to));
    return to;
}

using Kernel = void (*)(uint4 *, const uchar *, uint);

// A grid of one dimension: threads from `first` up to `last`.
extern "C" void launch(Kernel kernel_function, uint4 *output, const uchar *blocks, uint first, uint last) {
    for (uint index = first; index < last; index++) {
        kernel_function(output, blocks, index);
    }
}
