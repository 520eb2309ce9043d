// SPDX-License-Identifier: MIT
#include "plugins/worker/loaded_plugin.hpp"

#include <dlfcn.h>

#include <cstring>
#include <exception>

#include "plugins/worker/fp_environment.hpp"
#include "plugins/worker/interposed.hpp"

namespace karat::worker {
namespace {

constexpr std::size_t kNameBytes = 256, kTextBytes = 1024;
constexpr std::int32_t kMostKernels = 100'000;

const void* host_extension(const char*) { return nullptr; }

const karat_host kHost = {sizeof(karat_host), KARAT_ABI_MAJOR, KARAT_ABI_MINOR, host_extension};

void set_phase(wire::StatusPage& page, wire::Phase phase) {
  page.phase.store(static_cast<std::uint32_t>(phase));
}

std::string version(std::int32_t major, std::int32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

void check_description(const karat_plugin& plugin) {
  const std::string sizes = "its karat_plugin has struct_size " + std::to_string(plugin.struct_size) +
                            ", expected " + std::to_string(sizeof(karat_plugin));
  const std::string mend = "; set struct_size = sizeof(karat_plugin)";
  if (!KARAT_HAS(karat_plugin, &plugin, abi_minor))
    throw Unusable(sizes + ", too small to hold the ABI version" + mend);
  const std::string both = "was built for plugin ABI " + version(plugin.abi_major, plugin.abi_minor) +
                           ", this Karat speaks " + version(KARAT_ABI_MAJOR, KARAT_ABI_MINOR);
  if (plugin.abi_major != KARAT_ABI_MAJOR)
    throw Unusable(both + (plugin.abi_major > KARAT_ABI_MAJOR
                               ? ": use a newer Karat, or rebuild it against this Karat's karat_plugin.h"
                               : ": rebuild it against this Karat's karat_plugin.h"));
  if (plugin.abi_minor > KARAT_ABI_MINOR)
    throw Unusable(both + ": use a newer Karat, or rebuild it against this Karat's karat_plugin.h");
  if (!KARAT_HAS(karat_plugin, &plugin, kernel))
    throw Unusable(sizes + ", too small to hold the function 'kernel'" + mend);
  if (plugin.name == nullptr) throw Unusable("its karat_plugin has name NULL, expected a text");
  if (plugin.version == nullptr) throw Unusable("its karat_plugin has version NULL, expected a text");
  if (plugin.description == nullptr) throw Unusable("its karat_plugin has description NULL, expected a text");
  if (plugin.kernel_count <= 0)
    throw Unusable("lists nothing: kernel_count is " + std::to_string(plugin.kernel_count) +
                   ", expected at least 1");
  if (plugin.kernel_count > kMostKernels)
    throw Unusable("lists " + std::to_string(plugin.kernel_count) + " kernels, expected at most " +
                   std::to_string(kMostKernels));
  if (plugin.kernel == nullptr)
    throw Unusable("its karat_plugin has the function 'kernel' NULL, expected one that returns its rows");
}

void check_row(const karat_kernel* row, std::int32_t index) {
  const std::string where = "kernel row " + std::to_string(index) + " ";
  if (row == nullptr) throw Unusable(where + "is NULL, expected a karat_kernel");
  if (!KARAT_HAS(karat_kernel, row, run))
    throw Unusable(where + "has struct_size " + std::to_string(row->struct_size) + ", expected " +
                   std::to_string(sizeof(karat_kernel)) + "; set struct_size = sizeof(karat_kernel)");
  if (row->op == nullptr) throw Unusable(where + "has op NULL, expected an operator's name");
  if (row->kernel == nullptr)
    throw Unusable(where + "(op '" + bounded(row->op, kNameBytes) + "') has kernel NULL, expected a name");
  if (row->run == nullptr)
    throw Unusable(where + "(op '" + bounded(row->op, kNameBytes) + "') has run NULL, expected a function");
}

const void* extension(const karat_plugin& plugin, const char* id) {
  if (!KARAT_HAS(karat_plugin, &plugin, extension) || plugin.extension == nullptr) return nullptr;
  return plugin.extension(id);
}

}  // namespace

std::string bounded(const char* text, std::size_t most) {
  return text == nullptr ? std::string() : std::string(text, strnlen(text, most));
}

LoadedPlugin load_plugin(const std::string& path, wire::StatusPage& page) {
  LoadedPlugin loaded;
  const FpControl before = reset_fp_control();

  set_phase(page, wire::Phase::loading);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    throw Unusable("the loader refuses it: " + bounded(why, kTextBytes) +
                   "; `ldd` shows which library or symbol it misses");
  }
  void* symbol = dlsym(library, KARAT_PLUGIN_ENTRY);
  if (symbol == nullptr)
    throw Unusable("exports no symbol '" KARAT_PLUGIN_ENTRY
                   "': it is a library, but no back end for Karat; define `KARAT_EXPORT const "
                   "karat_plugin* " KARAT_PLUGIN_ENTRY "(const karat_host* host)` (see karat_plugin.h)");

  loaded.interposed = interposed_names(library, symbol);

  set_phase(page, wire::Phase::entry);
  try {
    loaded.plugin = reinterpret_cast<karat_plugin_entry_function>(symbol)(&kHost);
  } catch (const std::exception& error) {
    throw Unusable("its " KARAT_PLUGIN_ENTRY " threw an exception: " + bounded(error.what(), kTextBytes));
  } catch (...) {
    throw Unusable("its " KARAT_PLUGIN_ENTRY " threw something that is no std::exception");
  }
  if (loaded.plugin == nullptr)
    throw Unusable("its " KARAT_PLUGIN_ENTRY
                   " returned NULL, expected a karat_plugin: the back end says that it cannot run here");

  set_phase(page, wire::Phase::listing);
  check_description(*loaded.plugin);
  loaded.rows.reserve(static_cast<std::size_t>(loaded.plugin->kernel_count));
  const std::int32_t count = loaded.plugin->kernel_count;
  for (std::int32_t i = 0; i < count; ++i) {
    const karat_kernel* row = loaded.plugin->kernel(i);
    check_row(row, i);
    loaded.rows.push_back(row);
  }
  loaded.fp_change = describe_fp_change(before, read_fp_control());
  reset_fp_control();
  return loaded;
}

void pack_plugin(const LoadedPlugin& loaded, wire::Packer& out) {
  const karat_plugin& plugin = *loaded.plugin;
  out.text(bounded(plugin.name, kNameBytes))
      .text(bounded(plugin.version, kNameBytes))
      .text(bounded(plugin.description, kTextBytes))
      .put(plugin.abi_major)
      .put(plugin.abi_minor)
      .text(bounded(static_cast<const char*>(extension(plugin, KARAT_EXPECTED_VERDICT)), kNameBytes))
      .text(loaded.fp_change)
      .text(loaded.interposed)
      .put(static_cast<std::uint32_t>(loaded.rows.size()));
  for (const karat_kernel* row : loaded.rows)
    out.text(bounded(row->op, kNameBytes))
        .text(bounded(row->kernel, kNameBytes))
        .text(bounded(row->claim, kNameBytes))
        .put(row->dtype)
        .put(row->compute_dtype)
        .put(row->capabilities)
        .put(row->min_alignment)
        .put(row->over_read);
}

}  // namespace karat::worker
