# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# make deb: a kernel to install, as a Debian package.

# Lines that the build of a distribution's kernel prints, for the progress display.
DEB_STEPS=20000
# MiB of objects, with those of modules and debugging information.
DEB_SPACE=30000

# judge_deb_config: what CONFIG names, or the configuration of the kernel that runs.
judge_deb_config() {
	local wanted
	case $ARCH in
	x86_64) wanted=CONFIG_X86_64=y ;;
	arm64) wanted=CONFIG_ARM64=y ;;
	*) die "ARCH=$ARCH: no machine boots this kernel; type: make deb ARCH=x86_64 or make deb ARCH=arm64" ;;
	esac
	DEB_CONFIG=${CONFIG:-/boot/config-$(uname -r)}
	[ -f "$DEB_CONFIG" ] && [ -r "$DEB_CONFIG" ] ||
		die "$DEB_CONFIG is not there; type: make deb ARCH=$ARCH CONFIG=FILE (FILE: the configuration of a kernel that your machine boots)"
	grep -qx "$wanted" "$DEB_CONFIG" ||
		die "$DEB_CONFIG is no configuration for ARCH=$ARCH (it has no line $wanted)"
	DEB_CONFIG=$(realpath "$DEB_CONFIG")
}

deb_configure() {
	local fragments=("$CONFIG_DIR/deb.config" "$CONFIG_DIR/deb-$ARCH.config")
	mkdir -p "$OUT_DIR"
	{
		(cd "$OUT_DIR" && "$TREE/scripts/kconfig/merge_config.sh" -m -O . "$DEB_CONFIG" "${fragments[@]}")
		kernel_make -s olddefconfig
	} >"$LOG_DIR/config-deb.log" 2>&1 ||
		die "$ARCH: cannot configure the kernel ($(reason "$LOG_DIR/config-deb.log"))"
	# Not every kernel has the options that name files.
	check_config <(grep -hv '=""$' "${fragments[@]}")
}

cmd_deb() {
	local out=${OUT:-$TOP/packages} log=$LOG_DIR/deb-$ARCH.log packages
	judge_deb_config
	[ -z "$(ls -A "$out" 2>/dev/null)" ] || die "$out is not empty; remove it, or name another with OUT="
	mkdir -p "$out" 2>/dev/null && [ -w "$out" ] || die "cannot write to $out; name another place with OUT="
	judge_sources
	use_arch "$ARCH"
	cache_init
	need build deb
	case $ARCH in
	x86_64) need objtool ;;
	arm64) need cross ;;
	esac
	lock
	# Without what is for tests only.
	build_folder "-deb-$ARCH"
	mkdir "$RUN/staged"
	stage "$BASE" "$RUN/staged"
	fill_tree "$RUN/staged"
	# The packages are put beside the folder that is built in.
	OUT_DIR=$BUILD/build
	rm -f "$BUILD"/*.{deb,buildinfo,changes}
	[ -d "$OUT_DIR" ] || need_space "$DEB_SPACE" "$KPKEYS_CACHE"
	deb_configure
	# The tools that it would look for in vain have been installed for this machine.
	progress "building the packages (ARCH=$ARCH)" "$log" "$DEB_STEPS" \
		kernel_make -j"$JOBS" DPKG_FLAGS=-d bindeb-pkg || build_failed "$log" "the kernel (ARCH=$ARCH)"
	mapfile -t packages < <(find "$BUILD" -maxdepth 1 -name '*.deb' | sort)
	[ ${#packages[@]} -gt 0 ] || die "there is no package in $BUILD (log: $log)"
	cp "${packages[@]}" "$out/" || die "cannot write to $out; name another place with OUT="
	unlock
	say "In $out:"
	printf '%s\n' "${packages[@]##*/}" | sed 's/^/  /'
	say "Install the image with: sudo apt install $out/linux-image-$(<"$OUT_DIR/include/config/kernel.release")_*.deb"
	say "Boot with kpkeys=off to turn it off. README, \"Use it in your own kernel\", says how to see that it works."
}
