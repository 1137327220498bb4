# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A virtual machine with PKU for ARCH=um: stock QEMU, which emulates the CPU, and the
# distribution's own kernel.

# The distribution's kernel for virtual machines: the first of these that it has.
VM_PACKAGES=(linux-image-cloud-amd64 linux-image-virtual linux-image-amd64 linux-image-generic)

# Fast, or with a clock that counts instructions: a nanosecond each. Then random numbers and the date
# are the same each time, too.
VM_FAST=(-accel "tcg,thread=multi" -smp 2)
VM_COUNTING=(-accel "tcg,thread=single" -icount "shift=0,sleep=off" -smp 1
	-seed 1 -rtc "base=2026-01-01T00:00:00,clock=vm")
VM_CPU=("${VM_FAST[@]}")
# More of the machine, for some tests.
VM_DEVICES=()

# vm_unpack DEB DIR: its kernel as DIR/vmlinuz.
vm_unpack() {
	dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards './boot/vmlinuz-*' &&
		mv "$2"/boot/vmlinuz-* "$2/vmlinuz"
}

# vm_download DIR: from $KPKEYS_DISTFILES, or from where apt gets it.
vm_download() {
	local package dir=$1 known= deb
	deb=$(find "${KPKEYS_DISTFILES:-/nowhere}" -maxdepth 1 -name 'linux-image-*_amd64.deb' 2>/dev/null | sort -V | tail -n 1)
	if [ -n "$deb" ]; then
		vm_unpack "$deb" "$dir"
		return
	fi
	for package in "${VM_PACKAGES[@]}"; do
		# The package with the version in its name is a dependency of this one.
		package=$(apt-cache depends --important "$package" 2>/dev/null |
			sed -nE 's/^ *Depends: (linux-image-[0-9].*)/\1/p' | head -n 1)
		[ -n "$package" ] || continue
		known=$package
		(cd "$dir" && apt-get -q download "$package") || continue
		vm_unpack "$(find "$dir" -name 'linux-image-*.deb')" "$dir"
		return
	done
	if [ -n "$known" ]; then
		echo "apt knows $known and cannot download it: is there a network? (KPKEYS_DISTFILES may name a folder that has the package)"
	else
		echo "apt knows none of ${VM_PACKAGES[*]} (try: apt-get update)"
	fi
	return 1
}

vm_prepare() {
	local log=$LOG_DIR/vm.log
	VM_KERNEL=$KPKEYS_CACHE/src/vm-vmlinuz
	lock
	if [ ! -f "$VM_KERNEL" ]; then
		mkdir "$RUN/vm-kernel"
		command -v apt-get >/dev/null ||
			die "this distribution has no apt: put a kernel with PKU for QEMU at $VM_KERNEL"
		[ -n "$(apt-cache madison "${VM_PACKAGES[@]}" 2>/dev/null)" ] ||
			apt_as_root update >"$log" 2>&1 || :
		progress "fetching a kernel for QEMU" "$log" 0 vm_download "$RUN/vm-kernel" ||
			die "no kernel for QEMU: $(reason "$log")"
		mv "$RUN/vm-kernel/vmlinuz" "$VM_KERNEL"
	fi
	unlock
}

# vm_boot IMAGE PARAMS: boots the virtual machine, which runs the UML kernel of IMAGE.
vm_boot() {
	local root
	root=$(mktemp -d "$RUN/vm.XXXXXX")
	mkdir -p "$root"/{bin,dev,proc,sys,tmp}
	cp /bin/busybox "$root/bin/"
	cp "$1/kernel" "$1/initramfs.cpio" "$root/"
	cp "$TOP/tools/vm-init" "$root/init"
	echo "$2" >"$root/params"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$root.cpio"
	rm -rf "$root"
	qemu-system-x86_64 "${VM_CPU[@]}" -cpu max -m 2G -no-reboot \
		-nodefaults -no-user-config -display none -chardev stdio,id=console,signal=off \
		-serial chardev:console -kernel "$VM_KERNEL" -initrd "$root.cpio" \
		-append "console=ttyS0 quiet loglevel=0 panic=-1 nokaslr mitigations=off"
	rm -f "$root.cpio"
}
