// SPDX-License-Identifier: MIT
#include "plugins/openblas/openblas.hpp"

#include <limits>
#include <string>

namespace karat::openblas {

std::vector<karat_kernel>& rows() {
  static std::vector<karat_kernel> all;
  return all;
}

std::int32_t supports(const karat_kernel* self, const karat_call* call, const char** reason) {
  for (std::int32_t i = 0; i < call->tensor_count; ++i) {
    double count = 1;
    for (std::int32_t d = 0; d < call->tensors[i]->rank; ++d)
      count *= static_cast<double>(call->tensors[i]->shape[d]);
    if (count > std::numeric_limits<blasint>::max()) {
      *reason = "OpenBLAS counts in 32 bits here, and a tensor has more elements";
      return 0;
    }
  }
  const auto declines = reinterpret_cast<Declines>(self->user);
  const char* why = declines ? declines(*call) : nullptr;
  if (why) *reason = why;
  return why ? 0 : 1;
}

}  // namespace karat::openblas

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) {
  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY Zen MAX_THREADS=64"
  static const std::string config = openblas_get_config();
  const std::size_t begin = config.find_first_of("0123456789");
  static const std::string version =
      begin == std::string::npos ? config : config.substr(begin, config.find(' ', begin) - begin);
  static const std::string description = "OpenBLAS for " + std::string(openblas_get_corename()) +
                                         ": operators that are a call of BLAS or LAPACK";
  return karat::adapter::publish("openblas", version.c_str(), description.c_str(), karat::openblas::rows());
}
