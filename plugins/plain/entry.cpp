// SPDX-License-Identifier: MIT
#include "plugins/plain/plain.hpp"

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) {
  return karat::adapter::publish("plain", KARAT_VERSION, "every operator in the stable textbook algorithm, scalar", karat::plain::rows());
}
