# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The kernel source: found or fetched, checked, unpacked into $KPKEYS_CACHE/src.

# Suites that may carry linux-source-7.3, tried in this order.
DEBIAN_SUITES=(trixie-backports stable-backports testing unstable)
UPSTREAM=https://cdn.kernel.org/pub/linux/kernel/v${KERNEL_SERIES%%.*}.x

# tree_version DIR: "7.3.4", or nothing when DIR is no kernel tree.
tree_version() {
	[ -f "$1/Makefile" ] && [ -f "$1/Kbuild" ] || return 0
	sed -n 's/^\(VERSION\|PATCHLEVEL\|SUBLEVEL\) = //p' "$1/Makefile" | head -n 3 | paste -sd.
}

check_tree() {
	local version
	[ -e "$1" ] || die "LINUX=$1: there is no such folder"
	[ -d "$1" ] || die "LINUX=$1: this is not a folder"
	version=$(tree_version "$1")
	[ -n "$version" ] || die "LINUX=$1: this is not a Linux source tree"
	[[ $version == "$KERNEL_SERIES".* ]] ||
		die "LINUX=$1: this is Linux $version; kpkeys needs $KERNEL_SERIES"
}

# judge_sources: what the user names, before anything is installed or fetched.
judge_sources() {
	[ -z "${LINUX:-}" ] || check_tree "$LINUX"
	[ -z "${KPKEYS_DISTFILES:-}" ] || [ -d "$KPKEYS_DISTFILES" ] ||
		die "KPKEYS_DISTFILES=$KPKEYS_DISTFILES: there is no such folder"
}

# apt in a private root: the machine's proxies and keys, none of its sources or state. For the CPUs of
# APT_ARCH, if that is set.
private_apt() {
	local root=$1 tool=$2
	shift 2
	"$tool" -o Dir::Etc::SourceList="$root/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o Dir::State="$root/state" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$root/cache" -o APT::Sandbox::User= \
		${APT_ARCH:+-o APT::Architecture=$APT_ARCH -o APT::Architectures=$APT_ARCH} \
		-o Acquire::Languages=none -o Acquire::Retries=2 "$@"
}

# The Debian mirror that this machine already uses, if it does.
debian_mirror() {
	if [ -n "${KPKEYS_DEBIAN_MIRROR:-}" ]; then
		echo "$KPKEYS_DEBIAN_MIRROR"
		return
	fi
	# shellcheck disable=SC2016 # apt's own format
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }'
}

# debian_download PACKAGE DIR: from the first suite that carries it.
debian_download() {
	local package=$1 root=$2/apt mirror suite reached=
	mirror=$(debian_mirror)
	if [ -z "$mirror" ]; then
		# apt tells whose a mirror is only once it has seen its lists.
		apt_as_root update || :
		mirror=$(debian_mirror)
	fi
	if [ -z "$mirror" ]; then
		echo "no Debian mirror in this machine's apt configuration (KPKEYS_DEBIAN_MIRROR can name one)"
		return 1
	fi
	for suite in "${DEBIAN_SUITES[@]}"; do
		mkdir -p "$root"/{state/lists/partial,cache/archives/partial}
		printf 'deb [signed-by=%s] %s %s main\n' \
			/usr/share/keyrings/debian-archive-keyring.gpg "$mirror" "$suite" >"$root/sources.list"
		if private_apt "$root" apt-get -qq -o APT::Update::Error-Mode=any update; then
			reached=1
			if (cd "$2" && private_apt "$root" apt-get -qq download "$package"); then
				rm -rf "$root"
				return
			fi
		fi
		rm -rf "$root"
	done
	if [ -n "$reached" ]; then
		echo "$mirror carries no $package"
	else
		echo "$mirror cannot be reached"
	fi
	return 1
}

# upstream_download DIR: the newest release, checked against the published sums.
upstream_download() {
	local sums name
	sums=$(curl -fsS --connect-timeout 20 "$UPSTREAM/sha256sums.asc") || return 1
	name=$(grep -oE "linux-${KERNEL_SERIES//./\\.}(\.[0-9]+)?\.tar\.xz\$" <<<"$sums" | sort -V | tail -n 1)
	[ -n "$name" ] || { echo "upstream has no Linux $KERNEL_SERIES"; return 1; }
	curl -fsS --connect-timeout 20 --retry 2 -o "$1/$name" "$UPSTREAM/$name" &&
		(cd "$1" && grep -E " $name\$" <<<"$sums" | sha256sum -c -)
}

distfile() {
	[ -d "${KPKEYS_DISTFILES:-}" ] || return 0
	find "$KPKEYS_DISTFILES" -maxdepth 1 -type f \( -name "linux-$KERNEL_SERIES.*.tar.xz" \
		-o -name "linux-source-${KERNEL_SERIES}_*.deb" -o -name "linux-source-$KERNEL_SERIES*.tar.xz" \) |
		sort -V | tail -n 1
}

unpack() {
	local archive=$1 dir=$2
	set -o pipefail
	if [[ $archive == *.deb ]]; then
		dpkg-deb --fsys-tarfile "$archive" |
			tar -xO "./usr/src/linux-source-$KERNEL_SERIES.tar.xz" | xz -dcT0 |
			tar -x -C "$dir" --strip-components=1 --checkpoint=1000 --checkpoint-action=echo
	else
		xz -dcT0 "$archive" |
			tar -x -C "$dir" --strip-components=1 --checkpoint=1000 --checkpoint-action=echo
	fi
}

# unpack_source ARCHIVE NAME: to $KPKEYS_CACHE/src, by way of a scratch folder.
unpack_source() {
	local dir=$RUN/source log=$LOG_DIR/unpack.log version
	need_space 2500 "$KPKEYS_CACHE"
	mkdir "$dir"
	progress "unpacking $2" "$log" 160 unpack "$1" "$dir" ||
		die "$2 cannot be unpacked, is it complete? ($(reason "$log"))"
	version=$(tree_version "$dir")
	[[ $version == "$KERNEL_SERIES".* ]] || die "$2 is not Linux $KERNEL_SERIES"
	mv -T "$dir" "$KPKEYS_CACHE/src/linux-$version"
}

cached_source() {
	find "$KPKEYS_CACHE/src" -maxdepth 1 -name "linux-$KERNEL_SERIES.*" | sort -V | tail -n 1
}

# find_source: sets BASE, the pristine tree: LINUX=DIR, the cache, $KPKEYS_DISTFILES, the
# Debian package, or upstream's release.
find_source() {
	local archive get=$RUN/download log=$LOG_DIR/fetch.log why
	if [ -n "${LINUX:-}" ]; then
		check_tree "$LINUX"
		BASE=$(realpath "$LINUX")
		return
	fi
	BASE=$(cached_source)
	[ -z "$BASE" ] || return 0
	archive=$(distfile)
	if [ -z "$archive" ]; then
		mkdir "$get"
		need_space 3000 "$KPKEYS_CACHE"
		why="no apt here"
		if command -v apt-get >/dev/null; then
			need debian
			if ! progress "fetching linux-source-$KERNEL_SERIES" "$log" 0 \
					debian_download "linux-source-$KERNEL_SERIES" "$get"; then
				why=$(reason "$log")
			fi
		fi
		archive=$(find "$get" -name '*.deb')
		if [ -z "$archive" ]; then
			say "not from Debian ($why); trying upstream's release"
			need upstream
			progress "fetching Linux $KERNEL_SERIES from upstream" "$log" 0 upstream_download "$get" ||
				die "no Linux $KERNEL_SERIES source: not in $KPKEYS_CACHE, not from Debian ($why)," \
					"not from upstream ($(reason "$log")); name a tree with LINUX=DIR"
			archive=$(find "$get" -name '*.tar.xz')
		fi
	fi
	unpack_source "$archive" "${archive##*/}"
	rm -rf "$get"
	BASE=$(cached_source)
}
