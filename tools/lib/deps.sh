# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The tools that the host must have, and how to get the missing ones.

# Where Debian and Ubuntu have it.
UEFI_AARCH64=/usr/share/qemu-efi-aarch64/QEMU_EFI.fd
UEFI_X86_64=/usr/share/OVMF/OVMF_CODE_4M.fd

# One line a package: its name, then a command that succeeds when it is there.
deps_table() {
	case $1 in
	build) cat <<-'END'
		gcc            gcc --version
		libc6-dev      printf 'int main(){return 0;}' | gcc -static -xc - -o /dev/null
		make           make --version
		flex           flex --version
		bison          bison --version
		bc             bc --version
		ccache         ccache --version
		cpio           cpio --version
		git            git --version
		perl           perl -e1
		python3        python3 -c 1
		rsync          rsync --version
		xz-utils       xz --version
		busybox-static /bin/busybox true && ! ldd /bin/busybox
		END
		;;
	apply) echo "python3 python3 -c 1" ;;
	git) echo "git git --version" ;;
	source) printf '%s\n' "python3 python3 -c 1" "xz-utils xz --version" ;;
	test) echo "sparse sparse --version" ;;
	model) cat <<-'END'
		gcc       gcc --version
		libc6-dev printf 'int main(){return 0;}' | gcc -static -xc - -o /dev/null
		spin      spin -V
		END
		;;
	emulate) echo "qemu-system-x86 qemu-system-x86_64 --version" ;;
	qemu) cat <<-'END'
		patch                 patch --version
		ninja-build           ninja --version
		pkg-config            pkg-config --version
		libglib2.0-dev        pkg-config --atleast-version=2.66 glib-2.0 gthread-2.0
		libfdt-dev            echo '#include <libfdt.h>' | gcc -E -xc - -o /dev/null
		zlib1g-dev            pkg-config zlib
		python3-venv          /usr/bin/python3 -c 'import ensurepip, venv'
		END
		deps_table cross
		;;
	deb) cat <<-'END'
		dpkg-dev   dpkg-buildpackage --version
		debhelper  command -v dh_listpackages
		kmod       depmod --version
		openssl    openssl version
		libssl-dev echo '#include <openssl/evp.h>' | gcc -E -xc - -o /dev/null
		dwarves    pahole --version
		zstd       zstd --version
		END
		;;
	cross) cat <<-'END'
		gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc --version
		libc6-dev-arm64-cross printf 'int main(){return 0;}' | aarch64-linux-gnu-gcc -static -xc - -o /dev/null
		END
		;;
	objtool) echo "libelf-dev printf '#include <gelf.h>\nint main(){return elf_version(EV_NONE);}' | gcc -xc - -lelf -o /dev/null" ;;
	firmware) echo "qemu-efi-aarch64 test -e $UEFI_AARCH64" ;;
	firmware-x86) echo "ovmf test -e $UEFI_X86_64" ;;
	debian) echo "debian-archive-keyring test -e /usr/share/keyrings/debian-archive-keyring.gpg" ;;
	upstream) printf '%s\n' "curl curl --version" "ca-certificates test -e /etc/ssl/certs/ca-certificates.crt" ;;
	esac
}

deps_missing() {
	local set package probe
	for set; do
		while read -r package probe; do
			bash -c "$probe" >/dev/null 2>&1 </dev/null || printf '%s ' "$package"
		done < <(deps_table "$set")
	done
}

apt_as_root() {
	local sudo=()
	[ "$(id -u)" = 0 ] || sudo=(sudo -n)
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@"
}

apt_install() {
	apt_as_root update &&
		apt_as_root install -y --no-install-recommends --no-remove "$@"
}

# need SET...: makes sure that the packages of these sets are there.
need() {
	local missing log=$LOG_DIR/apt.log
	missing=$(deps_missing "$@")
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null ||
		die "this distribution has no apt; install what provides: $missing"
	if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
		# shellcheck disable=SC2086 # a list of package names
		progress "installing $missing" "$log" 0 apt_install $missing ||
			die "apt could not install $missing: $(reason "$log")"
		missing=$(deps_missing "$@")
		[ -z "$missing" ] || die "installed, and still not working: $missing"
	else
		die "tools are missing; type: sudo apt-get update && sudo apt-get install ${missing% }"
	fi
}
