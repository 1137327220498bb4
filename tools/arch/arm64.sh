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
# Ways of running that have tests of their own: the kernel at EL1, at EL2 (VHE), at EL1 with a part
# of KVM at EL2, and with page tables of its own for user mode and interrupts that are NMIs.
# kpkeys.machine is for arch_boot().
declare -gA ARCH_MODES=(
	[default]="kpkeys.machine=el1"
	[vhe]="kpkeys.machine=el2"
	[nvhe]="kpkeys.machine=el2 kvm-arm.mode=nvhe"
	[kpti-nmi]="kpkeys.machine=el1 kpti=on irqchip.gicv3_pseudo_nmi=1"
)
# Of these modes, the one in which every defect of linux/testing/mutants shows.
ARCH_MUTANT_MODE=kpti-nmi
# Cases of KUnit that must not be skipped in a mode.
declare -gA ARCH_MUST_PASS=([kpti-nmi]="kpkeys.nmi_runs_in_default_ctx")
# Fast, or with a clock that counts instructions: a nanosecond each.
VM_FAST=(-accel "tcg,thread=multi" -smp 4)
VM_CPU=("${VM_FAST[@]}")
ARM64_CPU="max,pauth-impdef=on"

# What it needs of deps.sh besides.
ARCH_NEEDS=(qemu)
# For the steps of restart.sh.
ARCH_CONSOLE=ttyAMA0
ARCH_DISK=virtio-blk-device

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
	# Without an ITS: where no firmware keeps its tables for the next kernel, kexec breaks.
	local machine=virt,gic-version=3,its=off firmware=() cpu=$ARM64_CPU
	[[ ! $3 =~ kpkeys\.cpu=([^ ]+) ]] || cpu+=,${BASH_REMATCH[1]}
	[[ $3 != *kpkeys.machine=el2* ]] || machine+=,virtualization=on
	if [[ $3 == *kpkeys.machine=efi* ]]; then
		# With a device tree, as otherwise.
		machine+=,acpi=off
		firmware=(-bios "$UEFI_AARCH64")
	fi
	"$QEMU_BIN" -M "$machine" -cpu "$cpu" "${VM_CPU[@]}" -m 1G -nic none -no-reboot -nodefaults \
		-no-user-config -display none "${firmware[@]}" "${VM_DEVICES[@]}" -chardev stdio,id=console,signal=off -serial chardev:console \
		-kernel "$1/kernel" -initrd "$1/initramfs.cpio" -append "console=$ARCH_CONSOLE panic=-1 $3"
}

# arch_set_machine NAME: what mode default is to run on, one of those of arch_boot().
arch_set_machine() {
	case $1 in
	'' | el1 | el2) ;;
	efi) need firmware ;;
	*) die "machine $1: unknown" ;;
	esac
	ARCH_MODES[default]="kpkeys.machine=${1:-el1}"
}

# A boot on a CPU that has no overlays.
arch_boot_without_pkeys() {
	must no-pkeys 60 default "kunit.enable=1 kpkeys.run=demo,audit,lkdtm,sample kpkeys.cpu=s1poe=off"
}

arch_steps() {
	step "$ARCH: a kernel that hangs" test_hang
	step "$ARCH: CPU hotplug" test_guest hotplug on
	step "$ARCH: kexec" test_kexec default
	step "$ARCH: kexec, vhe" test_kexec vhe
	step "$ARCH: hibernation" test_hibernation
	step "$ARCH: attack on what KVM keeps of the host" test_attack kvm-host-context nvhe
	step "$ARCH: protection keys of processes, kpkeys off and on" test_user_pkeys
}

# Linux's own tests of what processes do with the same feature of the CPU: they all pass, and the
# others of arm64 end in the same way with kpkeys off and on.
test_user_pkeys() {
	local state
	poe_build
	cp "$IMAGE/kernel" "$POE_IMAGE/kernel"
	for state in off on; do
		poe_boot "$QEMU_BIN" "user-pkeys-$state" 900 "kpkeys=$state $QUIET_PARAMS" ||
			{ show_tail; fail "$WHY"; }
		poe_cases "$RUN/user-pkeys-$state"
		calm || fail "not provoked by a test: $WHY (log: $CONSOLE)"
		grep -q "^kpkeys: page tables are protected" "$CONSOLE" || [ "$state" = off ] ||
			fail "page tables are not protected"
	done
	diff "$RUN/user-pkeys-off" "$RUN/user-pkeys-on" | sed -n 's/^[<>]/# &/p'
	cmp -s "$RUN/user-pkeys-off" "$RUN/user-pkeys-on" || fail "they differ (< off, > on)"
	grep -E "^(ok|not ok|skip) ($(IFS='|'; echo "${POE_REQUIRED[*]}"))([.:]|\$)" "$RUN/user-pkeys-on" >"$RUN/user-pkeys"
	cases "$RUN/user-pkeys" || fail "log: $CONSOLE"
	say "# the same off and on: $(wc -l <"$RUN/user-pkeys-on") cases"
}
