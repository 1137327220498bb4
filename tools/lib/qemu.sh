# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# QEMU with FEAT_S1POE: its source found or fetched, checked, patched and built.

QEMU_VERSION=10.2.2
QEMU_SERIES=${QEMU_VERSION%.*}
QEMU_PATCH_DIR=$TOP/qemu/patches-$QEMU_SERIES
QEMU_SUMS=$TOP/qemu/sources.sha256
# The names that the same source has at Debian (two files) and upstream.
QEMU_ORIG=qemu_$QEMU_VERSION+ds.orig.tar.xz
QEMU_DEBIAN=qemu_$QEMU_VERSION+ds-1.debian.tar.xz
QEMU_RELEASE=qemu-$QEMU_VERSION.tar.xz
QEMU_UPSTREAM=https://download.qemu.org
# Debian's meson is a module of the distribution's Python.
QEMU_PYTHON=/usr/bin/python3
QEMU_CONFIGURE=(--python="$QEMU_PYTHON" --cc="ccache gcc" --cross-cc-aarch64=aarch64-linux-gnu-gcc
	--without-default-features --with-devices-aarch64=minimal --enable-tcg --enable-plugins --disable-install-blobs
	--disable-docs --disable-tools --disable-debug-info --disable-werror --disable-download)
QEMU_TARGET=qemu-system-aarch64
# The programs for user mode are built from the same folder, where they share what they can.
QEMU_USER_TARGETS=(aarch64-linux-user arm-linux-user aarch64_be-linux-user)

# ---- the source

qemu_sum() { sed -n "s,^\([0-9a-f]*\)  $1\$,\1,p" "$QEMU_SUMS"; }

qemu_check_sum() {
	[ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$(qemu_sum "${1##*/}")" ] ||
		die "$1 has not the checksum of qemu/sources.sha256, is it complete?"
}

# qemu_digest DIR: of what Debian's archive and upstream's have in common. Debian's has no firmware
# (pc-bios/) and no Python packages (wheels).
qemu_digest() (
	cd "$1"
	skip=(-path ./python/wheels -o -path ./subprojects/packagecache -o -path ./subprojects/packagefiles)
	skip+=(-o -path './pc-bios/*' ! -type d ! -name meson.build)
	{
		find . \( "${skip[@]}" \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
		find . \( "${skip[@]}" \) -prune -o -type l -printf '%l  %p\n' | sort
	} | sha256sum | cut -d' ' -f1
)

check_qemu_tree() {
	local version
	[ -d "$1" ] || die "QEMU=$1: there is no such folder"
	[ -f "$1/configure" ] && [ -f "$1/pythondeps.toml" ] || die "QEMU=$1: this is not a QEMU source tree"
	version=$(cat "$1/VERSION")
	[ "$(printf '%s\n' "$QEMU_SERIES" "$version" | sort -V | head -n 1)" = "$QEMU_SERIES" ] ||
		die "QEMU=$1: this is QEMU $version; kpkeys needs $QEMU_SERIES or later"
	# Patches of its own, if it has them; else it gets those of $QEMU_SERIES, and the build says if they do not apply.
	if [ -d "$TOP/qemu/patches-${version%.*}" ]; then
		QEMU_PATCH_DIR=$TOP/qemu/patches-${version%.*}
	fi
	[ -f "$1/subprojects/keycodemapdb/meson.build" ] ||
		die "QEMU=$1: subprojects/keycodemapdb is not there; type: meson subprojects download keycodemapdb"
}

# All but the sources of the firmware, which are two thirds of the files.
qemu_unpack() {
	xz -dcT0 "$1" | tar -x -C "$2" --strip-components=1 --no-same-owner --anchored --exclude="qemu-$QEMU_VERSION/roms" \
		--checkpoint=200 --checkpoint-action=echo
}

# qemu_debian_patches ARCHIVE DIR: those that Debian applies, but for firmware.
qemu_debian_patches() {
	local dir=$RUN/qemu-debian name
	mkdir "$dir"
	tar -xJf "$1" -C "$dir" --strip-components=2 debian/patches
	: >"$RUN/patch.log"
	while read -r name; do
		grep -qE '^\+\+\+ [^/]+/roms/' "$dir/$name" || apply_patch "$dir/$name" "$2" ||
			die "Debian's $name does not apply to $QEMU_ORIG"
	done < <(sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$dir/series")
}

# qemu_unpack_source ARCHIVE [DEBIAN]: to $KPKEYS_CACHE/src, by way of a scratch folder.
qemu_unpack_source() {
	local dir=$RUN/qemu-source log=$LOG_DIR/qemu-unpack.log name=${1##*/}
	need_space 500 "$KPKEYS_CACHE"
	mkdir "$dir"
	progress "unpacking $name" "$log" 160 qemu_unpack "$1" "$dir" ||
		die "$name cannot be unpacked, is it complete? ($(reason "$log"))"
	[ "$(qemu_digest "$dir")" = "$(qemu_sum tree)" ] ||
		die "$name is not QEMU $QEMU_VERSION: its files do not have the digest of qemu/sources.sha256"
	[ $# = 1 ] || qemu_debian_patches "$2" "$dir"
	mv -T "$dir" "$KPKEYS_CACHE/src/qemu-$QEMU_VERSION"
}

# qemu_unpack_debian DIR: Debian's files there.
qemu_unpack_debian() {
	qemu_check_sum "$1/$QEMU_ORIG"
	qemu_check_sum "$1/$QEMU_DEBIAN"
	qemu_unpack_source "$1/$QEMU_ORIG" "$1/$QEMU_DEBIAN"
}

# From the archive itself: this version stays there after a suite has moved on to the next one.
qemu_debian_download() {
	local helper=/usr/lib/apt/apt-helper mirror name
	[ -x "$helper" ] || { echo "no apt here"; return 1; }
	mirror=$(debian_mirror)
	if [ -z "$mirror" ]; then
		apt_as_root update || :
		mirror=$(debian_mirror)
	fi
	[ -n "$mirror" ] || { echo "no Debian mirror in this machine's apt configuration (KPKEYS_DEBIAN_MIRROR can name one)"; return 1; }
	for name in "$QEMU_ORIG" "$QEMU_DEBIAN"; do
		"$helper" -o APT::Sandbox::User= -o Acquire::Retries=2 download-file \
			"${mirror%/}/pool/main/q/qemu/$name" "$1/$name" "SHA256:$(qemu_sum "$name")" ||
			{ echo "$mirror cannot be reached, or does not have $name"; return 1; }
	done
}

qemu_upstream_download() {
	curl -fsSL --connect-timeout 20 --retry 2 -o "$1/$QEMU_RELEASE" "$QEMU_UPSTREAM/$QEMU_RELEASE"
}

# find_qemu: sets QEMU_BASE, the tree without our patches: QEMU=DIR, the cache, $KPKEYS_DISTFILES,
# Debian's archive, or upstream's release. Call it with the lock held.
find_qemu() {
	local get=$RUN/qemu-download dist=${KPKEYS_DISTFILES:-/nowhere} log=$LOG_DIR/qemu-fetch.log why
	if [ -n "${QEMU:-}" ]; then
		check_qemu_tree "$QEMU"
		QEMU_BASE=$(realpath "$QEMU")
		return
	fi
	QEMU_BASE=$KPKEYS_CACHE/src/qemu-$QEMU_VERSION
	if [ -d "$QEMU_BASE" ]; then
		return
	elif [ -f "$dist/$QEMU_ORIG" ] && [ -f "$dist/$QEMU_DEBIAN" ]; then
		qemu_unpack_debian "$dist"
	elif [ -f "$dist/$QEMU_RELEASE" ]; then
		qemu_unpack_source "$dist/$QEMU_RELEASE"
	else
		mkdir "$get"
		need_space 1000 "$KPKEYS_CACHE"
		if progress "fetching QEMU $QEMU_VERSION from Debian" "$log" 0 qemu_debian_download "$get"; then
			qemu_unpack_debian "$get"
		else
			why=$(reason "$log")
			say "not from Debian ($why); trying upstream's release"
			need upstream
			progress "fetching QEMU $QEMU_VERSION from upstream" "$log" 0 qemu_upstream_download "$get" ||
				die "no QEMU $QEMU_VERSION source: not in $KPKEYS_CACHE, not from Debian ($why)," \
					"not from upstream ($(reason "$log")); name a tree with QEMU=DIR"
			qemu_unpack_source "$get/$QEMU_RELEASE"
		fi
		rm -rf "$get"
	fi
}

# ---- meson, which QEMU needs newer than some distributions have it

# meson_ok [DIR]: whether Python has a meson that is new enough, in DIR or by itself.
meson_ok() {
	PYTHONPATH=${1:-} "$QEMU_PYTHON" -c \
		'from mesonbuild.coredata import version; exit(tuple(map(int, version.split(".")[:2])) < (1, 5))' 2>/dev/null
}

# meson_download DIR: Debian's, which is nothing but Python, to DIR/files.
meson_download() {
	local DEBIAN_SUITES codename
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	for DEBIAN_SUITES in "${codename:-stable}-backports" testing; do
		debian_download meson "$1" || continue
		dpkg-deb -x "$1"/meson_*.deb "$1/files" || return 1
		! meson_ok "$1/files/usr/lib/python3/dist-packages" || return 0
		echo "$(basename "$1"/meson_*.deb) is too old"
		rm -rf "$1"/*
	done
	return 1
}

# find_meson: sets QEMU_PYTHONPATH: empty when Python has it, or QEMU's source.
find_meson() {
	local get=$RUN/meson log=$LOG_DIR/meson.log
	QEMU_PYTHONPATH=
	! meson_ok || return 0
	[ -z "$(find "$QEMU_BASE/python/wheels" -name 'meson-*.whl' 2>/dev/null)" ] || return 0
	if [ ! -d "$KPKEYS_CACHE/src/meson" ]; then
		command -v apt-get >/dev/null || die "QEMU needs meson 1.5 or later; install it"
		need debian
		mkdir "$get"
		progress "fetching meson" "$log" 0 meson_download "$get" ||
			die "QEMU needs meson 1.5 or later, and it cannot be fetched: $(reason "$log")"
		mv -T "$get/files" "$KPKEYS_CACHE/src/meson"
	fi
	QEMU_PYTHONPATH=$KPKEYS_CACHE/src/meson/usr/lib/python3/dist-packages
}

# ---- the trees that are built: "poe" has our patches, "stock" has none, "flush" lacks the series
# after which a write to a permission register does not flush the TLB.

# qemu_patches VARIANT: their paths.
qemu_patches() {
	case $1 in
	stock) ;;
	flush) awk '/^# series / { skip = $3 == "overlay-tlb" } !skip && !/^#/ && NF { print $1 }' "$QEMU_PATCH_DIR/series" ;;
	*) PATCH_DIR=$QEMU_PATCH_DIR patches ;;
	esac | sed "s,^,$QEMU_PATCH_DIR/,"
}

# qemu_touched DIR FILE...: those of these files that there are.
qemu_touched() {
	local dir=$1 file
	shift
	for file; do
		[ ! -f "$QEMU_BASE/$file" ] || (cd "$QEMU_BASE" && cp --parents "$file" "$dir")
	done
}

# qemu_stage VARIANT DIR: every file that differs from QEMU_BASE.
qemu_stage() {
	local patch list
	mapfile -t list < <(qemu_patches "$1")
	[ "$1" = stock ] || [ ${#list[@]} != 0 ] || die "${QEMU_PATCH_DIR#"$TOP/"}/series names no patch"
	for patch in "${list[@]}"; do
		[ -f "$patch" ] || die "${patch#"$TOP/"} is not there"
	done
	qemu_touched "$2" pythondeps.toml
	# A package for tests, which configure would fetch.
	sed -i 's/^pycotap/#&/' "$2/pythondeps.toml"
	apply_strictly "$QEMU_BASE" "$2" "${list[@]}"
}

# qemu_sync VARIANT: sets QEMU_WORK, which has the variant's tree/ and build/. As sync_tree.
qemu_sync() {
	local staged=$RUN/qemu-staged tree
	find_qemu
	QEMU_WORK=$KPKEYS_CACHE/build/qemu-$QEMU_VERSION
	[ -z "${QEMU:-}" ] || QEMU_WORK=$QEMU_WORK-$(sha256sum <<<"$QEMU_BASE" | cut -c1-8)
	QEMU_WORK=$QEMU_WORK/$1
	tree=$QEMU_WORK/tree
	rm -rf "$staged" && mkdir "$staged"
	qemu_stage "$1" "$staged"
	mkdir -p "$QEMU_WORK"
	touch "$QEMU_WORK/files"
	if [ -n "${QEMU:-}" ]; then
		sed 's,^,/,' "$QEMU_WORK/files" >"$RUN/exclude"
		rsync -a --delete --exclude-from="$RUN/exclude" --exclude=/.git --exclude=/build \
			--exclude=__pycache__ --exclude=/roms "$QEMU_BASE/" "$tree/"
	elif [ ! -d "$tree" ]; then
		rm -rf "$tree.new"
		cp -al "$QEMU_BASE" "$tree.new" && mv -T "$tree.new" "$tree"
	fi
	put_staged "$QEMU_BASE" "$staged" "$tree" "$QEMU_WORK/files"
}

# ---- the build

# qemu_run CMD...: in the build folder. The variants share what the compiler cache has.
qemu_run() {
	(cd "$QEMU_WORK/build" && PYTHONPATH=$QEMU_PYTHONPATH \
		CCACHE_BASEDIR=$QEMU_WORK CCACHE_NOHASHDIR=1 "$@")
}

# qemu_target_list TARGET...: as configure takes it.
qemu_target_list() { (IFS=,; echo "--target-list=$*"); }

qemu_configure() {
	local log=$LOG_DIR/qemu-configure-$1.log stamp
	local options=("${QEMU_CONFIGURE[@]}" "$(qemu_target_list aarch64-softmmu "${QEMU_USER_TARGETS[@]}")")
	stamp="${options[*]} $QEMU_PYTHONPATH"
	[ "$(cat "$QEMU_WORK/config.stamp" 2>/dev/null)" != "$stamp" ] || return 0
	need_space 500 "$KPKEYS_CACHE"
	rm -rf "$QEMU_WORK/build" "$QEMU_WORK/config.stamp"
	mkdir "$QEMU_WORK/build"
	progress "configuring QEMU ($1)" "$log" 490 qemu_run ../tree/configure "${options[@]}" ||
		die "QEMU ($1) cannot be configured: $(grep -m1 -E 'ERROR|error:' "$log" || reason "$log") (log: $log)"
	echo "$stamp" >"$QEMU_WORK/config.stamp"
}

# qemu_build VARIANT: leaves the binary in QEMU_BIN, this run's own, so that another run may build
# while this one boots.
qemu_build() {
	local log=$LOG_DIR/qemu-build-$1.log total
	need build qemu
	lock
	qemu_sync "$1"
	find_meson
	qemu_configure "$1"
	total=$(qemu_run ninja -n "$QEMU_TARGET" | grep -c '^\[' || :)
	progress "building QEMU ($1)" "$log" "$total" qemu_run ninja -j"$JOBS" "$QEMU_TARGET" ||
		build_failed "$log" "QEMU ($1)"
	QEMU_BIN=$RUN/qemu-$1
	cp "$QEMU_WORK/build/$QEMU_TARGET" "$QEMU_BIN"
	unlock
}

# qemu_prepare: sets QEMU_BIN, the QEMU that has FEAT_S1POE.
qemu_prepare() { qemu_build poe; }

cmd_qemu() {
	cache_init
	qemu_prepare
	say "$QEMU_WORK/build/$QEMU_TARGET"
}

# ---- steps of make test

# The series as mails: git am takes them, QEMU's own checkpatch has no remark.
test_qemu_am() {
	local log=$LOG_DIR/qemu-checkpatch.log list files bad patch
	lock
	find_qemu
	unlock
	mapfile -t list < <(qemu_patches poe)
	[ ${#list[@]} != 0 ] || fail "there are no patches"
	mapfile -t files < <(patched_files "${list[@]}")
	REPO=$RUN/qemu-am
	mkdir "$REPO"
	qemu_touched "$REPO" "${files[@]}"
	git -C "$REPO" init -q
	repo_git add -Af
	repo_git commit -q --allow-empty -m "base: QEMU $QEMU_VERSION"
	: >"$log"
	for patch in "${list[@]}"; do
		repo_git am -q --no-3way "$patch" >"$RUN/am.log" 2>&1 || fail "git am refuses ${patch##*/}: $(head -n 1 "$RUN/am.log")"
		# They are signed off by whoever sends them.
		perl "$QEMU_BASE/scripts/checkpatch.pl" --no-signoff --terse --no-summary --root="$QEMU_BASE" "$patch" >>"$log" 2>&1 || :
	done
	# A new file under a pattern that MAINTAINERS has already needs no update of it.
	mapfile -t bad < <(grep -E 'ERROR:|WARNING:' "$log" | grep -v 'added, moved or deleted file')
	[ ${#bad[@]} = 0 ] || { printf '# %s\n' "${bad[@]}" | head -n 20; fail "${#bad[@]} remarks (log: $log)"; }
	say "# ${#list[@]} patches"
}
