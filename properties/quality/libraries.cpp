// SPDX-License-Identifier: MIT
// Libraries of primitives beside the system's.
#include <sleef.h>

#include "properties/quality/kernels.hpp"

namespace karat::properties::quality {
namespace {

// A function in double, rounded: the nearest float but for about one argument in 2^28.
template <double (*F)(double)>
float rounded(float x) {
  return static_cast<float>(F(static_cast<double>(x)));
}

// SLEEF declares its functions with an attribute that pointers to them would carry.
template <auto F>
float called(float x) {
  return F(x);
}

}  // namespace

// Its functions of 1.0 ulp; one that is also built for every instruction set.
const Library sleef{"SLEEF", called<Sleef_expf_u10>, called<Sleef_logf_u10>, called<Sleef_log1pf_u10>, called<Sleef_expm1f_u10>, called<Sleef_tanhf_u10>};
const Library rounded_from_double{"double, rounded", rounded<std::exp>, rounded<std::log>, rounded<std::log1p>, rounded<std::expm1>, rounded<std::tanh>};

std::vector<Way> ways() {
  std::vector<Way> all;
  for (const Order& order : orders) all.push_back({order.name, order.add, &system_library});
  for (const Library* library : {&sleef, &rounded_from_double}) all.push_back({std::string(orders[0].name) + ", " + library->name, orders[0].add, library});
  return all;
}

}  // namespace karat::properties::quality
