// SPDX-License-Identifier: MIT
// A law tried on one kernel.
#pragma once

#include "properties/laws/law.hpp"
#include "properties/trial.hpp"

namespace karat::properties {

// What a law's results may add up to: how far each result may be off by the level, and rounding.
// Relations on elements that the operator's row decides (NaN, infinities) say nothing.
// A trial of a case that names a law; declined if the law says nothing about it.
Trial attempt_law(host::Worker& worker, const host::KernelRow& kernel, const Case& c, const Level& level);

// Whether a law is looked at on this level: claims only where results are the exact one's neighbours.
bool applies_at(const Law& law, const Level& level);

// By how much the exact reference breaks a relation, at worst, as a share of its terms; 0 if enclosures show that all hold.
// nullopt where no relation could be looked at.
std::optional<double> broken_by_reference(const Related& related);

}  // namespace karat::properties
