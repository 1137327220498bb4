# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# ARCH=um: the kernel is a program of the host and uses the PKU of the host's CPU. Where that CPU
# has none, the program runs inside QEMU, which emulates one that has.

ARCH_MAKE=(ARCH=um SUBARCH=x86_64)
ARCH_TARGET=linux
ARCH_IMAGE=linux
# Whose headers userspace uses.
ARCH_HEADERS=x86
# Lines that a complete build prints, for the progress display.
ARCH_STEPS=1140
# Boot parameters of each way of running that has tests of its own.
declare -gA ARCH_MODES=(
	[default]="seccomp=on ncpus=2"
	[ptrace]="seccomp=off ncpus=1"
)
# What starts the kernel, if it is not to be started directly.
UM_WRAPPER=()
# mem= is what the tests need.
UM_PARAMS="mem=512M con=null noreboot"

um_host_has_pku() { grep -qw ospke /proc/cpuinfo; }

# Where it runs: "native" or "emulated".
arch_host() {
	if [ "$KPKEYS_HOST" != auto ]; then
		echo "$KPKEYS_HOST"
	elif um_host_has_pku; then
		echo native
	else
		echo emulated
	fi
}

arch_has_pkeys() { [ "$(arch_host)" = emulated ] || um_host_has_pku; }

# Whether a virtual machine is around the kernel, which may fail to start on its own account.
arch_in_vm() { [ "$(arch_host)" = emulated ]; }

# What it needs of deps.sh besides.
[ "$(arch_host)" = native ] || ARCH_NEEDS=(emulate)

arch_describe() {
	if [ "$(arch_host)" = emulated ]; then
		echo "This CPU has no PKU (or KPKEYS_HOST=emulated): running inside QEMU, which emulates a CPU that has it."
		echo "That is slower, and its times say nothing about hardware."
	elif ! um_host_has_pku; then
		echo "This CPU has no PKU, so kpkeys is disabled in the kernel. KPKEYS_HOST=emulated runs on an emulated CPU that has it."
	fi
}

arch_prepare() {
	[ "$(arch_host)" = native ] || vm_prepare
}

# How much longer than natively things may take.
arch_patience() { if [ "$(arch_host)" = native ]; then echo 1; else echo 15; fi; }

# arch_boot IMAGE INTERACTIVE PARAMS: runs the kernel, console on stdin and stdout.
arch_boot() {
	local console="con0=null,fd:1"
	[ "$2" = 0 ] || console="con0=fd:0,fd:1"
	if [ "$(arch_host)" = emulated ]; then
		vm_boot "$1" "$UM_PARAMS con0=fd:0,fd:1 $3"
		return
	fi
	# shellcheck disable=SC2086 # parameters, one a word
	TMPDIR=$(um_memory_dir) "${UM_WRAPPER[@]}" "$1/kernel" initrd="$1/initramfs.cpio" \
		$UM_PARAMS $console $3
}

# A boot in which the host has no PKU: it has none, or a filter makes pkey_alloc() fail.
arch_boot_without_pkeys() {
	KPKEYS_HOST=native
	gcc -O2 -Wall -static -o "$RUN/nopku" "$TOP/tools/nopku.c"
	! um_host_has_pku || UM_WRAPPER=("$RUN/nopku")
	must no-pkeys 60 default "kunit.enable=1 kpkeys.run=demo,audit,lkdtm,sample"
}

# UML's memory is a file: on tmpfs when that has room and allows execution.
um_memory_dir() {
	local dir
	for dir in /dev/shm /tmp; do
		if [ "$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')" -ge 768 ] &&
		   ! findmnt -no OPTIONS -T "$dir" | grep -qw noexec; then
			echo "$dir"
			return
		fi
	done
	echo "$RUN"
}
