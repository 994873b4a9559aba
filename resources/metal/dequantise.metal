// Dequantisation of GGUF blocks into bfloat16: one kernel for each type, named for it in lower case.
//
// A thread writes eight consecutive weights, 16 bytes in one store, next to those of the thread beside it:
// `output` is bound as uint4 (a fresh tensor: aligned), and the grid has an eighth as many threads as there
// are weights. `blocks` may start anywhere: it is read as bytes, or as packed_uchar4, whose alignment is one
// byte (Metal Shading Language Specification, 2.2.3). Layouts: ggml-common.h of llama.cpp.
//
// The bits must be those of the reference (dequantisation.py): float32 in gguf-py's order, then rounded to
// bfloat16. Nothing that Metal leaves open can change them:
// - Contraction of a product and a sum into one fma. A half has 11 significant bits, its integer factors at
//   most 6 and 5 (with a minimum) or 7 and 5 (without): 23 in all, and a float has 24. So every product is
//   exact, and a fused subtraction rounds what the separate one rounds. The pragma says so all the same;
//   MTLCompileOptions has no option for it.
// - Subnormal floats, which may be flushed to zero (8.1). There are none: every number is a multiple of the
//   smallest half, 2^-24.
// - How a float becomes a bfloat. That is done here in integers, to the nearest and ties to even: tested off
//   the Mac, and no bfloat is needed, hence no MSL 3.1.
// What is left is the rounding of the subtraction, to the nearest or towards zero (8.2). The check at load
// compares it with the reference's on the same GPU.
//
// In ASCII, as torch reads it so; and in C++14, on which MSL is based.

#include <metal_stdlib>
using namespace metal;

#pragma METAL fp contract(off)

// Reading

static inline float half_at(device const uchar *at) {
    return float(as_type<half>(ushort(at[0] | (at[1] << 8))));
}

struct Eight {
    packed_uchar4 first;
    packed_uchar4 last;

    uint operator[](uint i) const { return i < 4 ? first[i] : last[i - 4]; }
};

static inline Eight eight_at(device const uchar *at) {
    device const packed_uchar4 *fours = (device const packed_uchar4 *)at;
    Eight bytes;
    bytes.first = fours[0];
    bytes.last = fours[1];
    return bytes;
}

// Writing

// The bits of a number in bfloat16 are the upper half of the result; a NaN stays one.
static inline uint rounded(float number) {
    uint bits = as_type<uint>(number);
    uint nearest = bits + 0x7FFF + ((bits >> 16) & 1);
    return (bits & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC00000 : nearest;
}

static inline uint two_rounded(float low, float high) {
    return (rounded(low) >> 16) | (rounded(high) & 0xFFFF0000);
}

struct Numbers {
    float at[8];

    uint4 packed() const {
        return uint4(two_rounded(at[0], at[1]), two_rounded(at[2], at[3]),
                     two_rounded(at[4], at[5]), two_rounded(at[6], at[7]));
    }
};

// The types with 32 weights in a block: four threads for each.

kernel void q8_0(device uint4 *output [[buffer(0)]],
                 device const uchar *blocks [[buffer(1)]],
                 uint index [[thread_position_in_grid]]) {
    device const uchar *block = blocks + index / 4 * 34;
    uint weight = index % 4 * 8;
    float scale = half_at(block);
    Eight quants = eight_at(block + 2 + weight);
    Numbers numbers;
    for (uint i = 0; i < 8; i++) {
        numbers.at[i] = scale * float(as_type<int8_t>(uchar(quants[i])));
    }
    output[index] = numbers.packed();
}

kernel void q4_0(device uint4 *output [[buffer(0)]],
                 device const uchar *blocks [[buffer(1)]],
                 uint index [[thread_position_in_grid]]) {
    device const uchar *block = blocks + index / 4 * 18;
    uint weight = index % 4 * 8;
    float scale = half_at(block);
    Eight quants = eight_at(block + 2 + weight % 16);
    uint shift = weight / 16 * 4;
    Numbers numbers;
    for (uint i = 0; i < 8; i++) {
        numbers.at[i] = scale * float(int((quants[i] >> shift) & 15) - 8);
    }
    output[index] = numbers.packed();
}

kernel void q5_0(device uint4 *output [[buffer(0)]],
                 device const uchar *blocks [[buffer(1)]],
                 uint index [[thread_position_in_grid]]) {
    device const uchar *block = blocks + index / 4 * 22;
    uint weight = index % 4 * 8;
    float scale = half_at(block);
    uint fifths = block[2 + weight / 8];
    Eight quants = eight_at(block + 6 + weight % 16);
    uint shift = weight / 16 * 4;
    Numbers numbers;
    for (uint i = 0; i < 8; i++) {
        uint quant = ((quants[i] >> shift) & 15) | (((fifths >> i) & 1) << 4);
        numbers.at[i] = scale * float(int(quant) - 16);
    }
    output[index] = numbers.packed();
}

// The types with 256 weights in a block: 32 threads for each.

kernel void q2_k(device uint4 *output [[buffer(0)]],
                 device const uchar *blocks [[buffer(1)]],
                 uint index [[thread_position_in_grid]]) {
    device const uchar *block = blocks + index / 32 * 84;
    uint weight = index % 32 * 8;
    uint scales = block[weight / 16];
    float scale = half_at(block + 80) * float(scales & 15);
    float minimum = half_at(block + 82) * float(scales >> 4);
    Eight quants = eight_at(block + 16 + weight / 128 * 32 + weight % 32);
    uint shift = weight % 128 / 32 * 2;
    Numbers numbers;
    for (uint i = 0; i < 8; i++) {
        numbers.at[i] = scale * float((quants[i] >> shift) & 3) - minimum;
    }
    output[index] = numbers.packed();
}

kernel void q3_k(device uint4 *output [[buffer(0)]],
                 device const uchar *blocks [[buffer(1)]],
                 uint index [[thread_position_in_grid]]) {
    device const uchar *block = blocks + index / 32 * 110;
    uint weight = index % 32 * 8;
    uint group = weight / 16;
    uint low = (block[96 + group % 8] >> (group / 8 * 4)) & 15;
    uint high = (block[104 + group % 4] >> (group / 4 * 2)) & 3;
    float scale = half_at(block + 108) * float(int(low | (high << 4)) - 32);
    Eight masks = eight_at(block + weight % 32);
    Eight quants = eight_at(block + 32 + weight / 128 * 32 + weight % 32);
    uint bit = weight / 32;
    uint shift = weight % 128 / 32 * 2;
    Numbers numbers;
    for (uint i = 0; i < 8; i++) {
        // Four is taken off where the bit is not set.
        uint offset = (((masks[i] >> bit) & 1) ^ 1) << 2;
        numbers.at[i] = scale * float(int((quants[i] >> shift) & 3) - int(offset));
    }
    output[index] = numbers.packed();
}

struct Affine {
    float scale;
    float minimum;
};

// What Q4_K and Q5_K begin with: two halves, then eight 6-bit scales and minima in 12 bytes.
static inline Affine affine_of(device const uchar *block, uint group) {
    device const uchar *packed = block + 4 + group % 4;
    uint first = packed[0], second = packed[4], third = packed[8];
    uint scale = group < 4 ? first & 63 : (third & 15) | ((first >> 2) & 48);
    uint minimum = group < 4 ? second & 63 : (third >> 4) | ((second >> 2) & 48);
    Affine affine;
    affine.scale = half_at(block) * float(scale);
    affine.minimum = half_at(block + 2) * float(minimum);
    return affine;
}

kernel void q4_k(device uint4 *output [[buffer(0)]],
                 device const uchar *blocks [[buffer(1)]],
                 uint index [[thread_position_in_grid]]) {
    device const uchar *block = blocks + index / 32 * 144;
    uint weight = index % 32 * 8;
    uint group = weight / 32;
    Affine affine = affine_of(block, group);
    Eight quants = eight_at(block + 16 + group / 2 * 32 + weight % 32);
    uint shift = group % 2 * 4;
    Numbers numbers;
    for (uint i = 0; i < 8; i++) {
        numbers.at[i] = affine.scale * float((quants[i] >> shift) & 15) - affine.minimum;
    }
    output[index] = numbers.packed();
}

kernel void q5_k(device uint4 *output [[buffer(0)]],
                 device const uchar *blocks [[buffer(1)]],
                 uint index [[thread_position_in_grid]]) {
    device const uchar *block = blocks + index / 32 * 176;
    uint weight = index % 32 * 8;
    uint group = weight / 32;
    Affine affine = affine_of(block, group);
    Eight fifths = eight_at(block + 16 + weight % 32);
    Eight quants = eight_at(block + 48 + group / 2 * 32 + weight % 32);
    uint shift = group % 2 * 4;
    Numbers numbers;
    for (uint i = 0; i < 8; i++) {
        uint quant = ((quants[i] >> shift) & 15) | (((fifths[i] >> group) & 1) << 4);
        numbers.at[i] = affine.scale * float(quant) - affine.minimum;
    }
    output[index] = numbers.packed();
}

kernel void q6_k(device uint4 *output [[buffer(0)]],
                 device const uchar *blocks [[buffer(1)]],
                 uint index [[thread_position_in_grid]]) {
    device const uchar *block = blocks + index / 32 * 210;
    uint weight = index % 32 * 8;
    uint chunk = weight / 128;
    float scale = half_at(block + 208) * float(as_type<int8_t>(block[192 + weight / 16]));
    Eight lows = eight_at(block + chunk * 64 + weight % 64);
    Eight highs = eight_at(block + 128 + chunk * 32 + weight % 32);
    uint low_shift = weight % 128 / 64 * 4;
    uint high_shift = weight % 128 / 32 * 2;
    Numbers numbers;
    for (uint i = 0; i < 8; i++) {
        uint quant = ((lows[i] >> low_shift) & 15) | (((highs[i] >> high_shift) & 3) << 4);
        numbers.at[i] = scale * float(int(quant) - 32);
    }
    output[index] = numbers.packed();
}
