// SPDX-License-Identifier: MIT
#include "cli/command.hpp"

int main(int argc, char** argv) { return karat::cli::run({argv + 1, argv + argc}); }
