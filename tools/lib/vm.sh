# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A virtual machine with PKU for ARCH=um: stock QEMU, which emulates the CPU, and the
# distribution's own kernel.

# The distribution's kernel for virtual machines: the first of these that it has.
VM_PACKAGES=(linux-image-cloud-amd64 linux-image-virtual linux-image-amd64 linux-image-generic)

# Fast, or with a clock that counts instructions: a nanosecond each.
VM_FAST=(-accel "tcg,thread=multi" -smp 2)
VM_COUNTING=(-accel "tcg,thread=single" -icount "shift=0,sleep=off" -smp 1)
VM_CPU=("${VM_FAST[@]}")

vm_download() {
	local package dir=$1
	for package in "${VM_PACKAGES[@]}"; do
		# The package with the version in its name is a dependency of this one.
		package=$(apt-cache depends --important "$package" 2>/dev/null |
			sed -nE 's/^ *Depends: (linux-image-[0-9].*)/\1/p' | head -n 1)
		[ -n "$package" ] || continue
		(cd "$dir" && apt-get -q download "$package") || continue
		dpkg-deb --fsys-tarfile "$dir"/linux-image-*.deb |
			tar -x -C "$dir" --wildcards './boot/vmlinuz-*'
		mv "$dir"/boot/vmlinuz-* "$dir/vmlinuz"
		return
	done
	echo "apt knows none of ${VM_PACKAGES[*]} (try: apt-get update)"
	return 1
}

vm_prepare() {
	local log=$LOG_DIR/vm.log
	need emulate
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
