// SPDX-License-Identifier: MIT
// Printed by kernels/elementary/minimax.py: do not edit.
#pragma once

namespace karat::kernels::minimax {

// P of e^r = 1 + r + r²·P(r), |r| ≤ ln2/2, to r^6: relative error 2^-28.284.
inline constexpr double kExp6[] = {
    0x1.fffffb9a74971p-2,   // 0.49999993448468333
    0x1.555491536aec5p-3,   // 0.16666520629711648
    0x1.5558f16388804p-5,   // 0.041668387854102235
    0x1.1239e3124c505p-7,   // 0.0083687170741506643
    0x1.6a244791b4cb9p-10,  // 0.0013814610178329147
};

// P of e^r = 1 + r + r²·P(r), |r| ≤ ln2/2, to r^7: relative error 2^-34.168.
inline constexpr double kExp7[] = {
    0x1.0000003a238d3p-1,   // 0.50000000676825562
    0x1.555554433df03p-3,   // 0.16666665868955741
    0x1.55548dc471951p-5,   // 0.041666294946070999
    0x1.111270b0d45fbp-7,   // 0.008333497071052234
    0x1.6d8d06f228ab6p-10,  // 0.0013944659699879742
    0x1.9f0898b7f825fp-13,  // 0.00019790343298977089
};

// P of e^r = 1 + r + r²·P(r), |r| ≤ ln2/2, to r^8: relative error 2^-39.676.
inline constexpr double kExp8[] = {
    0x1.000000005dee6p-1,   // 0.50000000004271494
    0x1.5555557dd3154p-3,   // 0.16666666784511597
    0x1.5555541e50a53p-5,   // 0.041666664403710606
    0x1.1110a25f8cd29p-7,   // 0.0083332817876909538
    0x1.6c18d331d24fdp-10,  // 0.0013889197257007096
    0x1.a1855fc6722d9p-13,  // 0.00019908952363169896
    0x1.9e89340291efdp-16,  // 2.4708268038047498e-05
};

// P of e^r = 1 + r + r²·P(r), |r| ≤ ln2/2, to r^9: relative error 2^-45.788.
inline constexpr double kExp9[] = {
    0x1.fffffffff13c8p-2,   // 0.49999999999664313
    0x1.5555555589fb0p-3,   // 0.16666666667265195
    0x1.5555557df4f88p-5,   // 0.041666666962242138
    0x1.1111108e17df0p-7,   // 0.0083333330950940698
    0x1.6c163bdbcf431p-10,  // 0.0013888811144646791
    0x1.a01b73acd53d1p-13,  // 0.00019841539087886312
    0x1.a16e43c9adbf3p-16,  // 2.4880809894791506e-05
    0x1.710173c7b431bp-19,  // 2.749306506768027e-06
};

// P of log((1+s)/(1-s)) = 2s + s·z·P(z), z = s², |s| ≤ 0.1716, degree 2: relative error 2^-30.212.
inline constexpr double kLog2[] = {
    0x1.55557a0f4d030p-1,  // 0.66666776119973825
    0x1.995ecc9fe015fp-2,  // 0.39977569318582157
    0x1.31e13aa67c80ap-2,  // 0.29871074334289516
};

// P of log((1+s)/(1-s)) = 2s + s·z·P(z), z = s², |s| ≤ 0.1716, degree 4: relative error 2^-44.947.
inline constexpr double kLog4[] = {
    0x1.555555561d99bp-1,  // 0.66666666675773756
    0x1.999996aaff234p-2,  // 0.39999995630913365
    0x1.2494113f1c515p-2,  // 0.28572108218857412
    0x1.c62b4bf81bdf8p-3,  // 0.22176226950567446
    0x1.91128b7937c2fp-3,  // 0.19583615268399643
};

// P of log((1+s)/(1-s)) = 2s + s·z·P(z), z = s², |s| ≤ 1/3, degree 3: relative error 2^-27.74.
inline constexpr double kLog1p3[] = {
    0x1.555501482a034p-1,  // 0.66666416173848697
    0x1.99d20d285898ep-2,  // 0.40021534498932787
    0x1.1ebcb5e355933p-2,  // 0.2800167484287101
    0x1.1ed9902c85c05p-2,  // 0.28012681266540113
};

// P of log((1+s)/(1-s)) = 2s + s·z·P(z), z = s², |s| ≤ 1/3, degree 6: relative error 2^-43.693.
inline constexpr double kLog1p6[] = {
    0x1.5555555635961p-1,  // 0.66666666676864506
    0x1.9999980b2944fp-2,  // 0.39999997680780991
    0x1.2492c08cca6ddp-2,  // 0.28571606501883001
    0x1.c6faa8e398a30p-3,  // 0.22215778297966571
    0x1.76e670e13b477p-3,  // 0.18305671870567483
    0x1.20b26b1f6ebd1p-3,  // 0.14096530618357275
    0x1.99bfed1751bc5p-3,  // 0.20007310130514902
};

// ln2/8 to 14 bits, the rest, and 8/ln 2; ln2 to 17 bits, the rest, and 1/ln 2.
inline constexpr float kEighthOfLn2High = 0x1.62e0000000000p-4f;
inline constexpr float kEighthOfLn2Low = 0x1.0bfbe80000000p-18f;
inline constexpr float kEighthsOfLog2E = 0x1.7154760000000p+3f;
inline constexpr float kLn2High = 0x1.62e4000000000p-1f;
inline constexpr float kLn2Low = 0x1.7f7d1c0000000p-20f;
inline constexpr float kLog2E = 0x1.7154760000000p+0f;

// 2^(j/8), j = 0 … 7, twice
alignas(64) inline constexpr float kRoots[] = {
    0x1.0000000000000p+0f,  // 1
    0x1.172b840000000p+0f,  // 1.09050775
    0x1.306fe00000000p+0f,  // 1.18920708
    0x1.4bfdae0000000p+0f,  // 1.29683959
    0x1.6a09e60000000p+0f,  // 1.41421354
    0x1.8ace540000000p+0f,  // 1.54221082
    0x1.ae89fa0000000p+0f,  // 1.68179286
    0x1.d5818e0000000p+0f,  // 1.8340081
    0x1.0000000000000p+0f,  // 1
    0x1.172b840000000p+0f,  // 1.09050775
    0x1.306fe00000000p+0f,  // 1.18920708
    0x1.4bfdae0000000p+0f,  // 1.29683959
    0x1.6a09e60000000p+0f,  // 1.41421354
    0x1.8ace540000000p+0f,  // 1.54221082
    0x1.ae89fa0000000p+0f,  // 1.68179286
    0x1.d5818e0000000p+0f,  // 1.8340081
};

// what that leaves, relative
alignas(64) inline constexpr float kRootsRest[] = {
    0x0.0p+0f,                // 0
    -0x1.9c0c220000000p-27f,  // -1.19921575e-08
    0x1.1250020000000p-25f,   // 3.19341815e-08
    -0x1.0a35500000000p-25f,  // -3.09907193e-08
    0x1.26055c0000000p-26f,   // 1.71142709e-08
    0x1.67a1ca0000000p-28f,   // 5.23333421e-09
    -0x1.f9c3040000000p-27f,  // -1.47196051e-08
    -0x1.a5217c0000000p-28f,  // -6.12825968e-09
    0x0.0p+0f,                // 0
    -0x1.9c0c220000000p-27f,  // -1.19921575e-08
    0x1.1250020000000p-25f,   // 3.19341815e-08
    -0x1.0a35500000000p-25f,  // -3.09907193e-08
    0x1.26055c0000000p-26f,   // 1.71142709e-08
    0x1.67a1ca0000000p-28f,   // 5.23333421e-09
    -0x1.f9c3040000000p-27f,  // -1.47196051e-08
    -0x1.a5217c0000000p-28f,  // -6.12825968e-09
};

// P of e^r = 1 + r + r²·P(r), |r| ≤ ln2/16: relative error 2^-32.294
alignas(64) inline constexpr float kExpEighth[] = {
    0x1.0000000000000p-1f,  // 0.5
    0x1.555c7a0000000p-3f,  // 0.166680291
    0x1.55483c0000000p-5f,  // 0.0416604206
};

// P of log((1+s)/(1-s)) = 2s + s·z·P(z), z = s², |s| ≤ 1/3: relative error 2^-27.321
alignas(64) inline constexpr float kLog1pFloat[] = {
    0x1.5555000000000p-1f,  // 0.666664124
    0x1.99d2380000000p-2f,  // 0.400215983
    0x1.1eb9b80000000p-2f,  // 0.280005336
    0x1.1ee9920000000p-2f,  // 0.280187875
};

}  // namespace karat::kernels::minimax
