# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# ARCH=x86_64: the pc machine of the distribution's QEMU, which emulates a CPU with PKS.

ARCH_MAKE=(ARCH=x86_64)
ARCH_TARGET=bzImage
ARCH_IMAGE=arch/x86/boot/bzImage
ARCH_ELF=vmlinux
# Whose headers userspace uses.
ARCH_HEADERS=x86
# Lines that a complete build prints, for the progress display.
ARCH_STEPS=1980
# Ways of running that have tests of their own: five levels of page tables, four, and those with
# page tables of their own for user mode. kpkeys.cpu and kpkeys.machine are for arch_boot().
declare -gA ARCH_MODES=(
	[default]=""
	[4level]="kpkeys.cpu=la57=off"
	[pti]="kpkeys.cpu=la57=off pti=on"
)
# Of these modes, the one in which every defect of linux/testing/mutants shows.
ARCH_MUTANT_MODE=pti
# Cases of KUnit that must not be skipped in a mode.
declare -gA ARCH_MUST_PASS=(
	[default]="kpkeys.nmi_runs_in_default_ctx"
	[pti]="kpkeys.nmi_runs_in_default_ctx"
)
# Fast, or with a clock that counts instructions (vm.sh).
VM_FAST=(-accel "tcg,thread=multi" -smp 4)
VM_CPU=("${VM_FAST[@]}")
X86_CPU="max,pks=on"

# What it needs of deps.sh besides.
ARCH_NEEDS=(emulate objtool)
# Here the firmware does not tell where the console is.
ARCH_EARLYCON=earlyprintk=ttyS0
# For the steps of restart.sh.
ARCH_CONSOLE=ttyS0
ARCH_DISK=virtio-blk-pci

arch_host() { echo emulated; }
arch_has_pkeys() { true; }
arch_in_vm() { true; }

arch_describe() {
	echo "Running in QEMU, which emulates a CPU with PKS. Its times say nothing about hardware; counts of"
	echo "instructions and of register writes do."
}

# The first versions that know the name of the feature do not emulate it.
arch_prepare() {
	local log=$LOG_DIR/qemu-pks.log
	qemu-system-x86_64 -M pc -S -accel tcg -cpu "$X86_CPU,enforce" -nodefaults -no-user-config -display none \
		-monitor stdio <<<quit >"$log" 2>&1 ||
		die "this machine's QEMU ($(qemu-system-x86_64 --version | sed -n '1s/.*version \([^ ]*\).*/\1/p')) does not emulate PKS; version 6.0 and later do (log: $log)"
}

# How much longer than on a real CPU things may take.
arch_patience() { echo 6; }

# arch_boot IMAGE INTERACTIVE PARAMS: runs the kernel, console on stdin and stdout.
#
# tsc=nowatchdog: the clocksource watchdog of Linux 7.3 can hang a slow machine at boot. It waits
# for another CPU, with a limit in time that stands still as interrupts are disabled, while that
# CPU waits in stop_machine() for the clocksource to be switched.
arch_boot() {
	local cpu=$X86_CPU word vars machine=()
	for word in $3; do
		case $word in
		kpkeys.cpu=*) cpu+=,${word#*=} ;;
		kpkeys.machine=efi)
			# Its variables are gone when the machine is.
			vars=$(mktemp "$RUN/efi-vars.XXXXXX")
			cp "${UEFI_X86_64/CODE/VARS}" "$vars"
			machine+=(-drive "if=pflash,unit=0,format=raw,readonly=on,file=$UEFI_X86_64"
				-drive "if=pflash,unit=1,format=raw,file=$vars")
			;;
		kpkeys.machine=numa)
			machine+=(-object memory-backend-ram,id=node0,size=512M -object memory-backend-ram,id=node1,size=512M
				-numa node,memdev=node0,cpus=0-1 -numa node,memdev=node1,cpus=2-3)
			;;
		esac
	done
	qemu-system-x86_64 -M pc -cpu "$cpu" "${VM_CPU[@]}" -m 1G -nic none -no-reboot -nodefaults \
		-no-user-config -display none "${machine[@]}" "${VM_DEVICES[@]}" -chardev stdio,id=console,signal=off \
		-serial chardev:console -kernel "$1/kernel" -initrd "$1/initramfs.cpio" \
		-append "console=$ARCH_CONSOLE panic=-1 tsc=nowatchdog $3"
}

# arch_set_machine NAME: what mode default is to run on, one of those of arch_boot().
arch_set_machine() {
	case $1 in
	'') ARCH_MODES[default]="" ;;
	numa) ARCH_MODES[default]="kpkeys.machine=numa" ;;
	efi)
		need firmware-x86
		ARCH_MODES[default]="kpkeys.machine=efi"
		;;
	*) die "machine $1: unknown" ;;
	esac
}

# A boot on a CPU that has no PKS.
arch_boot_without_pkeys() {
	must no-pkeys 60 default "kunit.enable=1 kpkeys.run=demo,audit,lkdtm,sample kpkeys.cpu=pks=off"
}

arch_steps() {
	step "$ARCH: a kernel that hangs" test_hang
	step "$ARCH: CPU hotplug" test_guest hotplug on
	step "$ARCH: kexec" test_kexec default
	step "$ARCH: kexec, pti" test_kexec pti
	step "$ARCH: hibernation" test_hibernation
	step "$ARCH: suspend to memory" test_guest suspend on
	step "$ARCH: memory that comes and goes" test_memory
	step "$ARCH: protection keys of processes, kpkeys off and on" test_user_pkeys
}

# Memory that is added after boot, as that of a DIMM is that ACPI finds.
test_memory() {
	# shellcheck disable=SC2034 # for arch_boot
	VM_DEVICES=(-m slots=1,maxmem=2G -object memory-backend-ram,id=added,size=256M -device pc-dimm,memdev=added)
	test_guest memory on
	! grep -q 'is not used for page tables' "$CONSOLE" || fail "kpkeys cannot use memory that is added (log: $CONSOLE)"
}

# Linux's own tests of what processes do with the keys that user pages have, which are other bits of
# the same CPU.
test_user_pkeys() {
	local name programs=(protection_keys pkey_sighandler_tests)
	# The first one goes on in a child process.
	same_selftests user-pkeys 300 "hugepages=40 kpkeys.orphans=wait" "${programs[@]}"
	for name in "${programs[@]}"; do
		grep -q "^ok $name\." "$RUN/selftests-on" || fail "$name did not run"
		! grep -E "^(not ok|skip) $name\." "$RUN/selftests-on" || fail "$name: a case did not pass"
	done
}
