# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# From the patched tree to an image: kernel, guest programs, initramfs.

kernel_make() {
	make -C "$TREE" O="$OUT_DIR" CC="ccache gcc" LOCALVERSION= V="${VERBOSE:-0}" \
		KBUILD_BUILD_USER=kpkeys KBUILD_BUILD_HOST=kpkeys "${ARCH_MAKE[@]}" "$@"
}

# check_config FRAGMENT...: Kconfig drops in silence what it does not know or cannot have.
check_config() {
	local line
	while read -r line; do
		case $line in
		CONFIG_*)
			grep -qxF "$line" "$OUT_DIR/.config" ||
				die "$ARCH: the configuration asks for $line, and the kernel does not take it"
			;;
		'# CONFIG_'*' is not set')
			line=${line#\# }
			! grep -q "^${line%% *}=[ym]" "$OUT_DIR/.config" ||
				die "$ARCH: the configuration wants ${line%% *} off, and it is on"
			;;
		esac
	done < <(cat "$@")
}

# variant_config VARIANT: the file that makes it differ.
variant_config() {
	local file=$CONFIG_DIR/matrix-$ARCH/$1.config
	[ -f "$file" ] || file=$CONFIG_DIR/$1.config
	echo "$file"
}

# configure VARIANT: "on" is what base.config and ARCH.config say, any other variant adds its
# file to that.
configure() {
	local stamp fragments=("$CONFIG_DIR/base.config" "$CONFIG_DIR/$ARCH.config") wanted
	wanted=("${fragments[@]}")
	if [ "$1" != on ]; then
		fragments+=("$(variant_config "$1")")
		wanted=("$(variant_config "$1")")
	fi
	stamp=$( (cat "${fragments[@]}"; cd "$TREE"; grep -E '(^|/)Kconfig' "$BUILD/files" | xargs -r cat) | sha256sum)
	[ "$(cat "$OUT_DIR/config.stamp" 2>/dev/null)" != "$stamp" ] || return 0
	mkdir -p "$OUT_DIR"
	{
		kernel_make -s tinyconfig
		(cd "$OUT_DIR" && "$TREE/scripts/kconfig/merge_config.sh" -m -O . .config "${fragments[@]}")
		kernel_make -s olddefconfig
	} >"$LOG_DIR/config-$ARCH.log" 2>&1 ||
		die "$ARCH: cannot configure the kernel ($(reason "$LOG_DIR/config-$ARCH.log"))"
	check_config "${wanted[@]}"
	echo "$stamp" >"$OUT_DIR/config.stamp"
}

build_failed() {
	local why hint=
	why=$(grep -m1 -E '(error|undefined reference|No rule to make|ERROR):? |file (truncated|not recognized|format not)|(malformed|corrupt)' "$1" |
		grep -vE '^make(\[[0-9]+\])?: ') || why=$(grep -vE '^make' "$1" | tail -n 1)
	! grep -qE 'file (truncated|not recognized|format not)|malformed|corrupt|invalid ELF' "$1" || hint="; a file in the build folder is damaged, type: make clean"
	! grep -q 'No space left' "$1" || why="the disk is full"
	die "$2 does not build: $why$hint (log: $1)"
}

# build_kernel VARIANT: sets OUT_DIR. Call it with the lock held, after sync_tree.
build_kernel() {
	local log=$LOG_DIR/build-$ARCH-$1.log total=0
	OUT_DIR=$BUILD/$ARCH-$1
	configure "$1"
	if [ ! -f "$OUT_DIR/$ARCH_IMAGE" ]; then
		need_space 1500 "$KPKEYS_CACHE"
		total=$ARCH_STEPS
	fi
	progress "building the kernel (ARCH=$ARCH, $1)" "$log" "$total" \
		kernel_make -j"$JOBS" "$ARCH_TARGET" modules || build_failed "$log" "the kernel (ARCH=$ARCH, $1)"
}

# build_image VARIANT: leaves kernel and initramfs in IMAGE, a folder of this run's own, so
# that another run may build while this one boots.
build_image() {
	IMAGE=$RUN/$ARCH-$1
	lock
	sync_tree
	build_kernel "$1"
	mkdir -p "$IMAGE"
	cp "$OUT_DIR/$ARCH_IMAGE" "$IMAGE/kernel"
	# With symbols; for some it is the same file.
	cp "$OUT_DIR/${ARCH_ELF:-$ARCH_IMAGE}" "$IMAGE/vmlinux"
	build_initramfs
	unlock
}

# find_busybox: sets BUSYBOX, a static one for ARCH: the host's, or Debian's for a foreign CPU. Only
# `make shell` cannot do without; then it is empty.
find_busybox() {
	local dir=$KPKEYS_CACHE/src/busybox-$ARCH get=$RUN/busybox
	BUSYBOX=/bin/busybox
	[ -n "${ARCH_CROSS:-}" ] || return 0
	BUSYBOX=$dir/bin/busybox
	[ ! -x "$BUSYBOX" ] || return 0
	mkdir -p "$get"
	if command -v apt-get >/dev/null && need debian && progress "fetching busybox (ARCH=$ARCH)" \
			"$LOG_DIR/busybox.log" 0 foreign_busybox "$get"; then
		mv -T "$get/files" "$dir"
	else
		say "no busybox for ARCH=$ARCH ($(reason "$LOG_DIR/busybox.log")): its shell will be missing"
		BUSYBOX=
	fi
	rm -rf "$get"
}

foreign_busybox() {
	local APT_ARCH=$ARCH DEBIAN_SUITES=(stable)
	debian_download busybox-static "$1" && dpkg-deb -x "$1"/busybox-static_*.deb "$1/files" || return
	# In newer suites it is in /usr.
	[ -e "$1/files/bin/busybox" ] || { mkdir -p "$1/files/bin" && mv "$1/files/usr/bin/busybox" "$1/files/bin/"; }
}

build_initramfs() {
	local log=$LOG_DIR/guest-$ARCH.log root=$RUN/root-$ARCH sample=$OUT_DIR/samples/kpkeys/kpkeys_sample.ko
	make -s -C "$TOP/guest" OUT="$BUILD/guest-$ARCH" CC="ccache ${ARCH_CROSS:-}gcc" >"$log" 2>&1 ||
		build_failed "$log" "guest/"
	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,etc,lib,proc,sys,tmp}
	printf '%s\n' "root::0:0:root:/:/bin/sh" "user::1000:1000:user:/tmp:/bin/sh" >"$root/etc/passwd"
	printf '%s\n' "root:x:0:" "user:x:1000:" >"$root/etc/group"
	find_busybox
	if [ -n "$BUSYBOX" ]; then
		cp "$BUSYBOX" "$root/bin/"
		/bin/busybox --list | while read -r name; do
			[ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
		done
	fi
	cp --remove-destination "$BUILD/guest-$ARCH"/* "$root/bin/"
	mv "$root/bin/init" "$root/init"
	# Only a kernel with all of kpkeys has it.
	[ ! -f "$sample" ] || cp "$sample" "$root/lib/"
	(cd "$root" && find . | sort | cpio -o -H newc -R 0:0 --quiet) >"$IMAGE/initramfs.cpio"
}
