// SPDX-License-Identifier: MIT
#include "plugins/worker/faults.hpp"

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>

#if defined(__aarch64__)
#include <asm/sigcontext.h>
#endif

namespace karat::worker {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t kStackBytes = 64 * 1024;

wire::StatusPage* g_page = nullptr;
void* g_stack = nullptr;

struct Machine {
  wire::Access access = wire::Access::unknown;
  std::uint64_t stack_pointer = 0;
};

Machine read_machine([[maybe_unused]] const ucontext_t& context) {
  Machine machine;
#if defined(__x86_64__)
  const auto& registers = context.uc_mcontext.gregs;
  machine.stack_pointer = static_cast<std::uint64_t>(registers[REG_RSP]);
  constexpr long long page_fault = 14, write_bit = 2;
  if (registers[REG_TRAPNO] == page_fault)
    machine.access = registers[REG_ERR] & write_bit ? wire::Access::write : wire::Access::read;
#elif defined(__aarch64__)
  machine.stack_pointer = context.uc_mcontext.sp;
  const auto* record = reinterpret_cast<const _aarch64_ctx*>(context.uc_mcontext.__reserved);
  const auto* end = record + sizeof context.uc_mcontext.__reserved / sizeof(_aarch64_ctx);
  while (record < end && record->magic != 0 && record->size != 0) {
    if (record->magic == ESR_MAGIC) {
      constexpr std::uint64_t write_not_read = 1u << 6;
      const auto esr = reinterpret_cast<const esr_context*>(record)->esr;
      machine.access = esr & write_not_read ? wire::Access::write : wire::Access::read;
      break;
    }
    record = reinterpret_cast<const _aarch64_ctx*>(reinterpret_cast<const char*>(record) + record->size);
  }
#endif
  return machine;
}

void on_fault(int signal_number, siginfo_t* info, void* context) {
  std::uint32_t none = 0;
  if (!g_page->fault.compare_exchange_strong(none, 1)) {
    for (;;) pause();  // another thread is writing, and about to end the process
  }
  const bool memory = signal_number == SIGSEGV || signal_number == SIGBUS;
  const Machine machine = read_machine(*static_cast<const ucontext_t*>(context));
  g_page->signal = signal_number;
  g_page->code = info->si_code;
  // A non-canonical address reports si_code SI_KERNEL and address 0.
  g_page->has_address = memory && info->si_code > 0 && info->si_code != SI_KERNEL;
  g_page->address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  g_page->access = static_cast<std::int32_t>(memory ? machine.access : wire::Access::unknown);
  g_page->stack_pointer = machine.stack_pointer;
  g_page->fault.store(2);
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);  // delivered when this handler returns
}

}  // namespace

void watch_faults(wire::StatusPage* page) {
  g_page = page;
  void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack != MAP_FAILED) g_stack = stack;
  reinstate_fault_handlers();
}

void reinstate_fault_handlers() {
  if (g_stack != nullptr) {
    stack_t stack{};
    stack.ss_sp = g_stack;
    stack.ss_size = kStackBytes;
    sigaltstack(&stack, nullptr);
  }
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  for (const int signal_number : kSignals) sigaction(signal_number, &action, nullptr);
}

}  // namespace karat::worker
