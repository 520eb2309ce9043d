// SPDX-License-Identifier: MIT
#include "plugins/host/file_check.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "plugins/host/host.hpp"
#include "plugins/host/text.hpp"

namespace karat::host {
namespace {

#if defined(__x86_64__)
constexpr int kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr int kMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr int kMachine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr int kMachine = EM_PPC64;
#elif defined(__s390x__)
constexpr int kMachine = EM_S390;
#elif defined(__arm__)
constexpr int kMachine = EM_ARM;
#elif defined(__i386__)
constexpr int kMachine = EM_386;
#else
#error "add this architecture's e_machine"
#endif
constexpr int kClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
constexpr int kData = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

std::string machine_name(int machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_386:
      return "32-bit x86";
    case EM_AARCH64:
      return "AArch64";
    case EM_ARM:
      return "32-bit Arm";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "POWER (64-bit)";
    case EM_S390:
      return "S/390";
    default:
      return "ELF machine " + std::to_string(machine);
  }
}

bool starts_with(std::string_view head, std::string_view magic) {
  return head.substr(0, magic.size()) == magic;
}

// What a file that is not ELF seems to be.
std::string guess(std::string_view head) {
  using namespace std::string_view_literals;
  if (starts_with(head, "!<arch>\n")) return "a static library (.a)";
  if (starts_with(head, "MZ")) return "a Windows DLL or program";
  if (starts_with(head, "\xcf\xfa\xed\xfe"sv) || starts_with(head, "\xca\xfe\xba\xbe"sv))
    return "a macOS library or program";
  if (starts_with(head, "PK\x03\x04"sv)) return "a ZIP archive (perhaps a Python wheel)";
  if (starts_with(head, "\x1f\x8b"sv)) return "a gzip archive";
  const bool text = std::all_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t' || byte == '\f';
  });
  if (!text) return "binary data of another kind";
  return "a text file that begins '" + printable(head.substr(0, head.find('\n')), 60) + "'";
}

// The bytes that the loader will map, by the program headers; it dies of SIGBUS where they are missing.
std::uint64_t needed_bytes(std::ifstream& in, const Elf64_Ehdr& header) {
  std::uint64_t needed = 0;
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return needed;
  in.clear();
  in.seekg(static_cast<std::streamoff>(header.e_phoff));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!in.read(reinterpret_cast<char*>(&segment), sizeof segment)) return UINT64_MAX;
    if (segment.p_type == PT_LOAD) needed = std::max(needed, segment.p_offset + segment.p_filesz);
  }
  return needed;
}

bool is_python(const std::filesystem::path& file, std::string_view head) {
  const std::string_view first_line = head.substr(0, head.find('\n'));
  return file.extension() == ".py" ||
         (starts_with(first_line, "#!") && first_line.find("python") != std::string_view::npos);
}

}  // namespace

void check_shared_object(const std::filesystem::path& file) {
  const std::string who = file.string() + ": ";
  const std::string expected = "; expected a shared object (.so) for " + machine_name(kMachine);
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found)
    throw LoadError(who + "no such file; give the path of a shared object or the name of a bundled back end");
  if (status.type() == std::filesystem::file_type::none)
    throw LoadError(who + "cannot be looked at: " + error.message());
  if (status.type() == std::filesystem::file_type::directory)
    throw LoadError(who + "is a directory" + expected);
  if (status.type() != std::filesystem::file_type::regular)
    throw LoadError(who + "is no regular file" + expected);

  std::ifstream in(file, std::ios::binary);
  if (!in) throw LoadError(who + "cannot be opened: " + std::strerror(errno) + "; check its permissions");
  std::array<char, 512> buffer{};
  in.read(buffer.data(), buffer.size());
  const std::string_view head(buffer.data(), static_cast<std::size_t>(in.gcount()));

  if (is_python(file, head))
    throw LoadError(who + "is a Python file: Python plugins are not supported by this version of Karat" +
                    expected);
  if (head.empty()) throw LoadError(who + "is empty" + expected);
  if (!starts_with(head, ELFMAG)) throw LoadError(who + "is not an ELF file but " + guess(head) + expected);

  Elf64_Ehdr header{};  // the fields read here lie at the same place in a 32-bit header
  if (head.size() < sizeof(Elf32_Ehdr)) throw LoadError(who + "is an ELF file cut short" + expected);
  std::memcpy(&header, head.data(), std::min(sizeof header, head.size()));
  if (header.e_ident[EI_DATA] != kData)
    throw LoadError(who + "is an ELF file of the other byte order" + expected);
  if (header.e_machine != kMachine || header.e_ident[EI_CLASS] != kClass)
    throw LoadError(who + "is built for " + machine_name(header.e_machine) +
                    (header.e_ident[EI_CLASS] == kClass ? "" : " with another word size") + expected +
                    "; rebuild it for this machine");
  if (header.e_type == ET_REL)
    throw LoadError(who + "is an object file (.o)" + expected + "; link it with -shared");
  if (header.e_type == ET_EXEC) throw LoadError(who + "is a program" + expected + "; link it with -shared");
  if (kClass == ELFCLASS64)
    if (const auto needed = needed_bytes(in, header); needed > std::filesystem::file_size(file, error))
      throw LoadError(
          who + "is an ELF file cut short: " + std::to_string(std::filesystem::file_size(file, error)) +
          " bytes" + expected + (needed == UINT64_MAX ? "" : " of at least " + std::to_string(needed)) +
          "; copy or link it again");
  if (header.e_type != ET_DYN) throw LoadError(who + "is an ELF file but no shared object" + expected);
}

}  // namespace karat::host
