# SPDX-License-Identifier: GPL-2.0-only
# The front door. Everything is done by tools/kpkeys; `make help` lists it.

.DEFAULT_GOAL := help
COMMANDS := help run test test-harness test-model test-series test-mutants test-matrix bench shell tree refresh apply deb series qemu test-qemu test-qemu-series test-qemu-mutants bench-qemu qemu-series clean distclean

# On the command line these reach the tool; an ARCH of the environment does too.
export ARCH LINUX DIR OUT CONFIG QEMU VERSION JOBS

.PHONY: $(COMMANDS)
$(COMMANDS):
	@tools/kpkeys $@
