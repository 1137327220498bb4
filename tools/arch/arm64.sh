# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# ARCH=arm64: the virt machine of QEMU, with the series of qemu/ that teaches it FEAT_S1POE.

ARCH_CROSS=aarch64-linux-gnu-
ARCH_MAKE=(ARCH=arm64 "CROSS_COMPILE=$ARCH_CROSS" CC="ccache ${ARCH_CROSS}gcc")
ARCH_TARGET=Image
ARCH_IMAGE=arch/arm64/boot/Image
ARCH_ELF=vmlinux
# Whose headers userspace uses.
ARCH_HEADERS=arm64
# Lines that a complete build prints, for the progress display.
ARCH_STEPS=1440
# Ways of running that have tests of their own: the kernel at EL1, and at EL2 (VHE). The parameters
# are for arch_boot(); the kernel passes what it does not know on.
declare -gA ARCH_MODES=(
	[default]="kpkeys.machine=el1"
	[vhe]="kpkeys.machine=el2"
)
# Fast, or with a clock that counts instructions: a nanosecond each.
VM_FAST=(-accel "tcg,thread=multi" -smp 4)
VM_CPU=("${VM_FAST[@]}")
ARM64_CPU="max,pauth-impdef=on"

arch_host() { echo emulated; }
arch_has_pkeys() { true; }
arch_in_vm() { true; }

arch_describe() {
	echo "No arm64 CPU with FEAT_S1POE is on the market: running in QEMU, with the patches of qemu/."
	echo "Its times say nothing about hardware; counts of instructions and of register writes do."
}

arch_prepare() { qemu_prepare; }

# How much longer than on a real CPU things may take.
arch_patience() { echo 6; }

# arch_boot IMAGE INTERACTIVE PARAMS: runs the kernel, console on stdin and stdout.
arch_boot() {
	local machine=virt,gic-version=3
	[[ $3 != *kpkeys.machine=el2* ]] || machine+=,virtualization=on
	"$QEMU_BIN" -M "$machine" -cpu "$ARM64_CPU" "${VM_CPU[@]}" -m 1G -nic none -no-reboot -nodefaults \
		-no-user-config -display none -chardev stdio,id=console,signal=off -serial chardev:console \
		-kernel "$1/kernel" -initrd "$1/initramfs.cpio" -append "console=ttyAMA0 panic=-1 $3"
}

# A boot on a CPU that has no overlays.
arch_boot_without_pkeys() {
	ARM64_CPU+=,s1poe=off
	must no-pkeys 60 default "kunit.enable=1 kpkeys.run=demo,audit,lkdtm"
}
