# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Steps in which a kernel takes over what another one has left: CPUs, memory, a disk. For backends in
# QEMU that say ARCH_CONSOLE and ARCH_DISK.

# A kernel that is started by another one, whose CPUs and memory it takes over.
test_kexec() {
	local root=$RUN/kexec-root base=$IMAGE next=console=$ARCH_CONSOLE:panic=-1:kpkeys=on:${QUIET_PARAMS// /:} word
	# The machine is the same; what else the mode says is for both kernels.
	for word in ${ARCH_MODES[$1]}; do
		[[ $word == kpkeys.* ]] || next+=:$word
	done
	mkdir -p "$root/boot"
	cp "$base/kernel" "$base/initramfs.cpio" "$root/boot/"
	IMAGE=$RUN/kexec
	mkdir -p "$IMAGE"
	cp "$base/kernel" "$IMAGE/"
	{
		cat "$base/initramfs.cpio"
		cd "$root" && find boot | cpio -o -H newc -R 0:0 --quiet
	} >"$IMAGE/initramfs.cpio"
	must "kexec-$1" 60 "$1" "kpkeys=on kpkeys.run=kexec kpkeys.next=$next:kpkeys.run=hotplug,audit"
	[ "$(grep -c '^Linux version' "$CONSOLE")" = 2 ] || { show_tail; fail "there was no second kernel"; }
	[ "$(grep -c '^kpkeys: page tables are protected' "$CONSOLE")" = 2 ] || fail "one of the kernels does not protect page tables"
	must_calm
	must_exit_0 hotplug
	must_exit_0 audit
}

# A kernel whose memory is written to a disk, and read back by another one.
test_hibernation() {
	local disk=$RUN/disk
	truncate -s 1G "$disk"
	# shellcheck disable=SC2034 # for arch_boot
	VM_DEVICES=(-drive "file=$disk,if=none,id=disk,format=raw" -device "$ARCH_DISK,drive=disk")
	# It powers off before its programs are done.
	boot hibernate 60 default "kpkeys=on kpkeys.run=hibernate" || :
	must_calm
	grep -q '^PM: Image saving done' "$CONSOLE" || grep -q '^PM: hibernation: Image saving done' "$CONSOLE" ||
		{ show_tail; fail "no image was saved"; }
	must resume 60 default "kpkeys=on resume=/dev/vda kpkeys.run=audit"
	grep -q '^hibernate: awake again' "$CONSOLE" || { show_tail; fail "the image was not resumed"; }
	must_calm
	must_exit_0 hibernate
}
