# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Linux's own self-tests of protection keys, and of what shares registers, signal frames and page
# tables with them, under an unmodified arm64 kernel in a given QEMU: the check of FEAT_S1POE that
# owes nothing to this project. The kernel is Debian's; where that cannot be had, one is built.
#
#   poe_build                             kernel, programs and initramfs; sets POE_IMAGE
#   poe_boot QEMU NAME LIMIT [PARAMS]     boots them; sets CONSOLE, or says why not in WHY
#   poe_cases FILE                        "ok|not ok|skip PROGRAM.CASE" for each case, from CONSOLE
#   poe_judge FILE                        what they say about overlays
#   test_poe_selftests QEMU               all that, as a step of make test
#   poe_bench QEMU...                     the same benchmarks in each
#
# They need common.sh, fetch.sh, build.sh and boot.sh.

POE_CROSS=aarch64-linux-gnu-
POE_CONFIG=$TOP/linux/config/arm64-poe-tests.config
# Two CPUs, as a change of overlays or of a key must reach the other one, too. Of pauth the fast variant, if asked for: POE_CPU=max,pauth-impdef=on.
: "${POE_CPU:=max}"
: "${POE_MACHINE:=virt,gic-version=3}"
POE_PARAMS="console=ttyAMA0 earlycon panic=-1 hugepages=40 printk.time=0"
# Lines that a complete build prints, for the progress display.
POE_STEPS=1100

# What fails or skips without overlays. All cases of these must pass.
POE_REQUIRED=(protection_keys pkey_sighandler_tests poe_siginfo poe_restore poe_missing_poe_context)
# The programs' seconds, where they are not the default of 60.
declare -gA POE_SECONDS=([protection_keys]=300 [syscall-abi]=300 [hwcap]=120 [libc-gcs]=120)

poe_make() {
	PYTHONDONTWRITEBYTECODE=1 make -C "$BASE" O="$POE_BUILD/kernel" ARCH=arm64 CROSS_COMPILE=$POE_CROSS \
		CC="ccache ${POE_CROSS}gcc" LOCALVERSION= KBUILD_BUILD_USER=kpkeys KBUILD_BUILD_HOST=kpkeys "$@"
}

poe_configure() {
	local stamp log=$LOG_DIR/config-poe.log
	# shellcheck disable=SC2034 # check_config looks at these
	local OUT_DIR=$POE_BUILD/kernel ARCH="arm64, for QEMU"
	stamp=$(sha256sum <"$POE_CONFIG")
	[ "$(cat "$OUT_DIR/config.stamp" 2>/dev/null)" != "$stamp" ] || return 0
	mkdir -p "$OUT_DIR"
	{
		poe_make -s tinyconfig
		(cd "$OUT_DIR" && "$BASE/scripts/kconfig/merge_config.sh" -m -O . .config "$POE_CONFIG")
		poe_make -s olddefconfig
	} >"$log" 2>&1 || die "the arm64 kernel for QEMU: cannot configure it ($(reason "$log"))"
	check_config "$POE_CONFIG"
	echo "$stamp" >"$OUT_DIR/config.stamp"
}

# poe_debian DIR: Debian's kernel for virtual machines, the newest of this series, to DIR/vmlinuz.
poe_debian() {
	# shellcheck disable=SC2034 # for private_apt
	local APT_ARCH=arm64 deb
	debian_download "?name(^linux-binary-$KERNEL_SERIES\\..*-cloud-arm64\$)" "$1" || return
	deb=$(find "$1" -name 'linux-binary-*.deb' | sort -V | tail -n 1)
	dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './usr/lib/modules/*/vmlinuz' >"$1/vmlinuz"
}

# poe_kernel: sets POE_KERNEL: Debian's, or with LINUX=DIR that one. Call it with the lock held.
poe_kernel() {
	local get=$RUN/poe-kernel log=$LOG_DIR/poe-kernel.log total=0
	if [ -z "${LINUX:-}" ]; then
		POE_KERNEL=$KPKEYS_CACHE/src/vmlinuz-arm64-$KERNEL_SERIES
		[ ! -f "$POE_KERNEL" ] || return 0
		mkdir -p "$get"
		echo "no apt here" >"$log"
		if command -v apt-get >/dev/null && need debian &&
				progress "fetching an arm64 kernel for QEMU" "$log" 0 poe_debian "$get"; then
			mv "$get/vmlinuz" "$POE_KERNEL"
			return
		fi
		say "not from Debian ($(reason "$log")); building one"
	fi
	log=$LOG_DIR/build-poe.log
	poe_configure
	POE_KERNEL=$POE_BUILD/kernel/arch/arm64/boot/Image
	if [ ! -f "$POE_KERNEL" ]; then
		need_space 1000 "$KPKEYS_CACHE"
		total=$POE_STEPS
	fi
	progress "building the arm64 kernel for QEMU" "$log" "$total" poe_make -j"$JOBS" Image ||
		build_failed "$log" "the arm64 kernel for QEMU"
}

# poe_cc PROGRAM FLAG|FILE...: one of the self-tests. Their own makefiles write to the sources.
poe_cc() {
	local program=$1
	shift
	ccache ${POE_CROSS}gcc -static -s -O2 -w -D_GNU_SOURCE= -U_FORTIFY_SOURCE -I"$POE_TESTS" \
		-isystem "$POE_BUILD/kernel/usr/include" -o "$POE_BUILD/bin/$program" "$@" -lpthread -lrt -lm || {
		echo "error: $program does not build"
		return 1
	}
}

# The same for those which must not have a C library, as they manage what it owns.
poe_cc_nolibc() {
	local program=$1
	shift
	ccache ${POE_CROSS}gcc -nostdlib -nostdinc -static -s -Os -w -ffreestanding -fno-asynchronous-unwind-tables \
		-fno-ident -fno-stack-protector -std=gnu99 -D_GNU_SOURCE= -I"$BASE/tools/include/nolibc" \
		-include "$BASE/tools/include/nolibc/nolibc.h" -I"$POE_TESTS" \
		-I"$POE_BUILD/kernel/usr/include" -o "$POE_BUILD/bin/$program" "$@" -lgcc || {
		echo "error: $program does not build"
		return 1
	}
}

poe_compile() {
	local name mm=$POE_TESTS/mm arm64=$POE_TESTS/arm64 include="-I$BASE/tools/include" common
	for name in protection_keys pkey_sighandler_tests; do
		poe_cc "$name" -I"$BASE" -isystem "$BASE/tools/include/uapi" "$mm/$name.c" "$mm/vm_util.c" "$mm/hugepage_settings.c" "$mm/pkey_util.c" || return
	done
	common=("$arm64"/signal/{test_signals.c,test_signals_utils.c,testcases/testcases.c,signals.S,sve_helpers.c})
	for name in "$arm64"/signal/testcases/*.c; do
		[ "${name##*/}" != testcases.c ] || continue
		poe_cc "$(basename "$name" .c)" "$include" -std=gnu99 -I"$arm64/signal" "$name" "${common[@]}" || return
	done
	poe_cc hwcap "$include" "$arm64/abi/hwcap.c" || return
	poe_cc ptrace "$include" "$arm64/abi/ptrace.c" || return
	poe_cc syscall-abi "$include" "$arm64"/abi/syscall-abi{.c,-asm.S} || return
	poe_cc_nolibc tpidr2 "$arm64/abi/tpidr2.c" || return
	# Shadow stacks have page permissions of their own kind, to which overlays apply, too.
	poe_cc_nolibc basic-gcs "$arm64/gcs/basic-gcs.c" || return
	poe_cc libc-gcs "$include" "$arm64/gcs/libc-gcs.c" || return
	poe_cc gcs-locking "$include" "$arm64/gcs/gcs-locking.c" || return
	for name in init bench; do
		poe_cc "linux-$name" -Wall -Wextra -Werror "$TOP/qemu/tests/linux-$name.c" || return
	done
}

poe_programs() {
	local log=$LOG_DIR/selftests-poe.log stamp
	stamp=$(cd "$POE_TESTS" && { find mm arm64 ./*.h -type f -name '*.[chS]' -print0 | sort -z | xargs -0 cat
		cat "$TOP/tools/lib/qemu-selftests.sh" "$TOP"/qemu/tests/linux-*.c "$TOP/guest/guest.h"; } | sha256sum)
	[ "$(cat "$POE_BUILD/programs.stamp" 2>/dev/null)" != "$stamp" ] || return 0
	rm -rf "${POE_BUILD:?}/bin"
	mkdir -p "$POE_BUILD"/{bin,kernel}
	poe_make -s headers >"$log" 2>&1 || die "headers: $(reason "$log")"
	progress "building the arm64 self-tests" "$log" 0 poe_compile || build_failed "$log" "the arm64 self-tests"
	echo "$stamp" >"$POE_BUILD/programs.stamp"
}

# The programs in the order in which they run: those that are about overlays first.
poe_names() {
	printf '%s\n' "${POE_REQUIRED[@]}"
	find "$POE_BUILD/bin" -type f -printf '%f\n' | grep -v '^linux-' | grep -vxF "$(printf '%s\n' "${POE_REQUIRED[@]}")" | sort
}

# poe_build: leaves kernel and initramfs in POE_IMAGE, a folder of this run's own.
poe_build() {
	local root=$RUN/root-poe name
	find_source
	POE_TESTS=$BASE/tools/testing/selftests
	POE_BUILD=$KPKEYS_CACHE/build/qemu-tests-$(basename "$BASE")
	[ -z "${LINUX:-}" ] || POE_BUILD=$POE_BUILD-$(sha256sum <<<"$BASE" | cut -c1-8)
	POE_IMAGE=$RUN/poe
	mkdir -p "$POE_BUILD" "$POE_IMAGE"
	lock
	poe_kernel
	poe_programs
	cp "$POE_KERNEL" "$POE_IMAGE/kernel"
	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,etc}
	cp "$POE_BUILD"/bin/* "$root/bin/"
	unlock
	mv "$root/bin/linux-init" "$root/init"
	poe_names | while read -r name; do echo "$name ${POE_SECONDS[$name]:-60}"; done >"$root/etc/tests"
	(cd "$root" && find . | sort | cpio -o -H newc -R 0:0 --quiet) >"$POE_IMAGE/initramfs.cpio"
	rm -rf "$root"
}

# poe_run QEMU [PARAMS]
poe_run() {
	"$1" -M "$POE_MACHINE" -cpu "$POE_CPU" -smp 2 -m 1G -nic none \
		-no-reboot -nodefaults -no-user-config -display none -chardev stdio,id=console,signal=off \
		-serial chardev:console -kernel "$POE_IMAGE/kernel" -initrd "$POE_IMAGE/initramfs.cpio" \
		-append "$POE_PARAMS ${2:-}"
}

# poe_boot QEMU NAME LIMIT [PARAMS]: boots POE_IMAGE for at most LIMIT seconds of its own time.
poe_boot() {
	local limit=$3 rc=0 raw=$RUN/console
	CONSOLE=$LOG_DIR/$(date +%Y%m%d-%H%M%S)-$$-$2.log
	run_aside poe_run "$1" "${4:-}" </dev/null >"$raw" 2>&1
	watch_job "$limit" "$raw" || rc=$?
	[ "$rc" != 0 ] || rc=$JOB_RC
	tr -d '\r' <"$raw" >"$CONSOLE"
	rm "$raw"
	if [ "$rc" = 124 ]; then
		WHY="the kernel did not come to an end within $limit s of its own time"
	elif [ "$rc" = 125 ]; then
		WHY="the virtual machine did not start"
	elif ! grep -q 'Linux version' "$CONSOLE"; then
		WHY="the kernel printed nothing ($(reason "$CONSOLE"))"
	elif ! grep -q '^kpkeys-guest: done' "$CONSOLE"; then
		WHY="the kernel stopped before its programs were done"
	elif [ "$rc" != 0 ]; then
		WHY="QEMU ended with $rc"
	else
		return 0
	fi
	return 1
}

# The programs that ran.
poe_ran() { sed -n 's/^kpkeys-guest: \([^ ]*\) begin$/\1/p' "$CONSOLE" | grep -vx linux-bench; }

# poe_cases FILE: a program with TAP has cases, and ends with 0 (4: with skips only); any other is
# one case, which its exit status tells. (0: passed, 4: skipped.)
poe_cases() {
	local name status
	poe_ran | while read -r name; do
		status=$(exit_status "$name")
		part "$name" >"$RUN/poe-part"
		if grep -qE '^K?TAP version' "$RUN/poe-part"; then
			# The self-tests put the name of a case after "SKIP", the kernel's parser wants it before.
			sed -E 's/^((not )?ok [0-9]+) # (SKIP|XFAIL) (.*)/\1 \4 # \3/' "$RUN/poe-part" |
				python3 "$TOP/tools/ktap.py" "$BASE" | sed -E "s/^(ok|not ok|skip) /&$name./"
			case $status in
			0 | 1 | 4) ;;
			*) echo "not ok $name.exit $status" ;;
			esac
		else
			case $status in
			0) echo "ok $name" ;;
			4) echo "skip $name" ;;
			*) echo "not ok $name: ended with ${status:-nothing}" ;;
			esac
		fi
	done >"$1"
}

# poe_summary FILE: a line for each program with more than one case, with one for all others.
poe_summary() {
	awk '
		{ word = $1; rest = $2 } $1 == "not" { word = "not ok"; rest = $3 }
		{ sub(/[.:].*/, "", rest); if (!(rest in n)) order[++count] = rest; n[rest]++; c[rest, word]++ }
		END {
			for (i = 1; i <= count; i++) {
				p = order[i]
				if (n[p] > 1) printf "%-24s %d passed, %d failed, %d skipped\n", p, c[p, "ok"], c[p, "not ok"], c[p, "skip"]
				else { a++; for (w in x) ; s["ok"] += c[p, "ok"]; s["not ok"] += c[p, "not ok"]; s["skip"] += c[p, "skip"] }
			}
			if (a) printf "%-24s %d passed, %d failed, %d skipped\n", "programs of one case", s["ok"], s["not ok"], s["skip"]
		}' "$1"
}

# Why a program skipped, if it says so.
poe_why_skipped() {
	part "$1" | sed -nE '
		s/.*Required Features: \[ *(.*[^ ]) *\] NOT supported.*/needs \1/p
		s/.*Incompatible Features: .*\] supported.*/needs a CPU without a feature that this one has/p'
}

# poe_skips FILE: what was skipped: programs with their reasons, and of others the cases, in short.
poe_skips() {
	local name
	sed -n 's/^skip \([^.]*\)$/\1/p' "$1" | while read -r name; do
		echo "skipped: $name ($(poe_why_skipped "$name"))"
	done
	sed -nE 's/^skip ([^.]+)\.(.*)/\1 \2/p' "$1" |
		awk '{ p = $1; sub(/^[^ ]+ /, ""); n[p]++; if (n[p] <= 6) s[p] = s[p] (n[p] > 1 ? ", " : "") $0 }
			END { for (p in n) print "skipped: " p ": " s[p] (n[p] > 6 ? " and " n[p] - 6 " more" : "") }'
}

# poe_judge FILE: prints what is wrong, a line each.
poe_judge() {
	local name
	grep -q 'CPU features: detected: Stage-1 Permission Overlay' "$CONSOLE" ||
		echo "the kernel does not detect permission overlays"
	for name in "${POE_REQUIRED[@]}"; do
		if ! grep -qE "^(ok|not ok|skip) $name([.:]|\$)" "$1"; then
			echo "$name did not run"
		elif grep -E "^skip $name([.:]|\$)" "$1" >"$RUN/poe-skipped"; then
			echo "$name: $(wc -l <"$RUN/poe-skipped") skipped, as if there were no overlays"
		fi
	done
	! grep -q '^ok protection_keys.*unsupported' "$1" || echo "protection_keys found no protection keys"
	part poe_siginfo >"$RUN/poe-part"
	grep -q 'present on system with POE' "$RUN/poe-part" || echo "poe_siginfo found no overlays"
	part hwcap >"$RUN/poe-part"
	grep -qx '# POE present' "$RUN/poe-part" || echo "hwcap found no overlays"
	for name in cpuinfo_match_POE sigill_POE; do
		grep -qx "ok hwcap\\.$name" "$1" || echo "hwcap.$name did not pass"
	done
	sed -n 's/^not ok /failed: /p' "$1" | awk '!seen[$0]++'
}

# test_poe_selftests QEMU: a step.
test_poe_selftests() {
	local out=$RUN/poe-cases
	poe_build
	poe_boot "$1" poe 900 || { show_tail; fail "$WHY"; }
	poe_cases "$out"
	cases "$out" >"$RUN/poe-failed" || :
	poe_summary "$out" | sed 's/^/# /'
	poe_skips "$out" | sed 's/^/# /'
	poe_judge "$out" >"$RUN/poe-wrong"
	if [ -s "$RUN/poe-wrong" ]; then
		head -n 20 "$RUN/poe-wrong" | sed 's/^/# /'
		fail "$(head -n 1 "$RUN/poe-wrong") (log: $CONSOLE)"
	fi
	calm || fail "not provoked by a test: $WHY (log: $CONSOLE)"
}

# poe_bench QEMU...: the benchmarks in each, in turn, three times; of each the least nanoseconds of
# an operation, which other load on the host changes less than the median, and its ratio to the
# first QEMU that can do it.
poe_bench() {
	local qemu n round
	poe_build
	for round in 1 2 3; do
		n=0
		for qemu; do
			n=$((n + 1))
			poe_boot "$qemu" "poe-bench-$n" 900 "bench=1 run=" || { show_tail; die "$qemu: $WHY"; }
			[ "$(exit_status linux-bench)" = 0 ] ||
				{ show_tail; die "$qemu: the benchmarks ended with $(exit_status linux-bench)"; }
			part linux-bench | sed -n "s/^bench: /$n /p" >>"$RUN/poe-bench"
			[ "$round" != 1 ] || say "$n: $qemu ($CONSOLE)"
		done
	done
	awk -v last="$n" '
		$3 == "none" { next }
		{
			if (!($2 in seen)) { seen[$2] = 1; order[++count] = $2 }
			ns = $NF
			sub(/.*=/, "", ns)
			if (!(($2, $1) in v) || ns + 0 < v[$2, $1]) v[$2, $1] = ns + 0
		}
		END {
			for (i = 1; i <= count; i++) {
				name = order[i]
				line = sprintf("%-20s", name)
				first = 0
				for (n = 1; n <= last; n++) {
					if (!((name, n) in v)) { line = line sprintf(" %12s %6s", "-", ""); continue }
					if (!first) first = n
					line = line sprintf(" %12.0f %6.2f", v[name, n], v[name, n] / v[name, first])
				}
				print line
			}
		}' "$RUN/poe-bench"
}
