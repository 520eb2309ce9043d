// SPDX-License-Identifier: MIT
#include "properties/sweep/ranks.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>

#include "properties/sweep/mpi/mpi_module.h"

namespace karat::properties {
namespace {

using Json = nlohmann::ordered_json;

struct SharedDealer : Dealer {
  explicit SharedDealer(const karat_mpi& mpi) : mpi_(mpi) {}
  std::uint64_t next() override {
    const std::scoped_lock lock(mutex_);  // one thread in MPI at a time
    return mpi_.next();
  }
  const karat_mpi& mpi_;
  std::mutex mutex_;
};

std::string json_of(const SweepRun& run) {
  Json json{{"partial", to_json(run.partial)}, {"seconds", run.seconds}, {"judging", run.judging}, {"inputs", run.inputs}};
  if (run.declined) json["declined"] = *run.declined;
  if (run.host_error) json["host_error"] = *run.host_error;
  if (run.fault) json["fault"] = {std::string(to_text(run.fault->kind)), run.fault->text, run.fault->chunk};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void merge(SweepRun& all, const std::string& text) {
  const Json json = Json::parse(text);
  all.partial.merge(partial_from_json(json.at("partial").get<std::string>()));
  all.seconds = std::max(all.seconds, json.at("seconds").get<double>());
  all.judging += json.at("judging").get<double>();
  all.inputs += json.at("inputs").get<std::uint64_t>();
  if (json.contains("declined")) all.declined = json["declined"].get<std::string>();
  if (json.contains("host_error")) all.host_error = json["host_error"].get<std::string>();
  if (json.contains("fault")) {
    const auto chunk = json["fault"].at(2).get<std::uint64_t>();
    const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const KindRow& k) { return k.name == json["fault"].at(0).get<std::string>(); });
    if (kind != kinds.end() && (!all.fault || chunk < all.fault->chunk)) all.fault = SweepRun::Fault{kind->kind, json["fault"].at(1).get<std::string>(), chunk};
  }
}

}  // namespace

bool Ranks::launched() {
  const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");
  return size && std::atoi(size) > 1;
}

Ranks::Ranks(const std::filesystem::path& module) {
  if (!launched()) return;
  library_ = dlopen(module.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library_)
    throw SweepError("started by mpirun, but the MPI module cannot be loaded (" + std::string(dlerror()) + "): build karat where Open MPI's libopenmpi-dev is installed, or use --shard I/N and --merge");
  const auto start = reinterpret_cast<karat_mpi_start_function>(dlsym(library_, "karat_mpi_start"));
  mpi_ = start ? start() : nullptr;
  if (!mpi_) throw SweepError(module.string() + ": MPI cannot be started with the threads that a sweep needs");
}

// The library stays loaded: MPI leaves threads behind.
Ranks::~Ranks() {
  if (mpi_) mpi_->finish();
}

int Ranks::rank() const { return mpi_ ? mpi_->rank : 0; }
int Ranks::size() const { return mpi_ ? mpi_->size : 1; }

std::unique_ptr<Dealer> Ranks::dealer() {
  if (!mpi_) return std::make_unique<LocalDealer>();
  mpi_->reset();
  return std::make_unique<SharedDealer>(*mpi_);
}

void Ranks::wait() {
  if (mpi_) mpi_->barrier();
}

SweepRun Ranks::together(SweepRun mine) {
  if (!mpi_) return mine;
  const std::string text = json_of(mine);
  const std::size_t* sizes = nullptr;
  const char* const* texts = mpi_->gather(text.data(), text.size(), &sizes);
  if (!texts) return mine;
  SweepRun all;
  for (int r = 0; r < mpi_->size; ++r) merge(all, std::string(texts[r], sizes[r]));
  return all;
}

void Ranks::abort(int code) {
  if (mpi_) mpi_->abort(code);
}

std::filesystem::path mpi_module() {
  std::error_code error;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* place : {"karat-mpi.so", "../lib/karat/karat-mpi.so"})
    if (std::filesystem::exists(here / place, error)) return here / place;
  return here / "karat-mpi.so";
}

}  // namespace karat::properties
