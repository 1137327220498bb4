# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# make test-qemu, make bench-qemu: FEAT_S1POE in QEMU.

# QEMU's own tests that need no firmware, of which the source package has none.
QEMU_QTESTS=(arm-cpu-features boot-serial-test device-introspect-test machine-none-test migration-test numa-test)
# The bare-metal tests that the series adds.
QEMU_POE_TESTS=(poe poe-vhe poe-tlb poe-tlb-vhe poe-tlb-smp poe-tlb-replay poe-el2 poe-el3)

test_qemu_build() { qemu_prepare; }

# All bare-metal tests that QEMU has for the 64-bit Arm machine, with those of the series.
test_qemu_tcg() {
	local log=$LOG_DIR/qemu-tcg.log out=$RUN/qemu-tcg name rc=0
	lock
	qemu_sync poe
	find_meson
	qemu_run ninja test-plugins >"$log" 2>&1 || fail "$(reason "$log")"
	# No network card: its ROM is firmware, too.
	qemu_run make -k run-tcg-tests-aarch64-softmmu QEMU="$RUN/qemu-poe -nic none" GDB= TIMEOUT=300 \
		>>"$log" 2>&1 || rc=$?
	unlock
	sed -nE 's/^ +TEST +(\S+) on .*/\1/p' "$log" | while read -r name; do
		if grep -qE "\[.*: run-(\S+-)?$name\] Error" "$log"; then echo "not ok $name"; else echo "ok $name"; fi
	done >"$out"
	sed -nE 's/^ +SKIPPED +(gdbstub test )?(.*) on aarch64 because (.*)/skip \2 # \3/p' "$log" >>"$out"
	for name in "${QEMU_POE_TESTS[@]}"; do
		grep -qE "^(not )?ok $name\$" "$out" || echo "not ok $name: did not run"
		sed -nE "s/^(PASS|FAIL|SKIP): /# $name: \1: /p" "$QEMU_WORK/build/tests/tcg/aarch64-softmmu/$name.out" 2>/dev/null || :
	done >"$RUN/qemu-poe-tests"
	grep '^not ok' "$RUN/qemu-poe-tests" >>"$out" || :
	grep '^#' "$RUN/qemu-poe-tests" || :
	cases "$out" || fail "log: $log"
	[ "$rc" = 0 ] || fail "$(grep -m1 -E 'Error|error:' "$log" || reason "$log") (log: $log)"
	for name in "${QEMU_POE_TESTS[@]}"; do
		grep -q "^# $name: PASS: " "$RUN/qemu-poe-tests" || fail "$name does not say that it passed (log: $log)"
	done
}

# The same test where the feature is turned off: base permissions alone, no registers.
test_qemu_property() {
	local out=$RUN/qemu-off
	timeout 120 "$RUN/qemu-poe" -nic none -M virt -cpu max,s1poe=off -display none -serial none -monitor none \
		-semihosting-config enable=on,target=native,chardev=output -chardev stdio,id=output \
		-kernel "$(qemu_test_program poe)" </dev/null >"$out" 2>&1 || fail "$(reason "$out")"
	grep -q '^SKIP: no FEAT_S1POE' "$out" || fail "s1poe=off does not turn it off"
	sed -n 's/^PASS: /# s1poe=off: /p' "$out"
	grep -q '^PASS: ' "$out" || fail "$(reason "$out")"
}

# A plugin that sees every access, and one that sees every instruction, must not get in the way.
test_qemu_plugins() {
	local plugin out=$RUN/qemu-plugin
	for plugin in mem.so,callback=true insn.so; do
		timeout 300 "$RUN/qemu-poe" -nic none -M virt -smp 2 -cpu max -display none -serial none -monitor none \
			-plugin "$(dirname "$(qemu_test_program .)")/../plugins/lib$plugin" -d plugin -D "$out.log" \
			-semihosting-config enable=on,target=native,chardev=output -chardev stdio,id=output \
			-kernel "$(qemu_test_program poe-tlb)" </dev/null >"$out" 2>&1 || fail "$plugin: $(reason "$out")"
		grep -q '^PASS: ' "$out" || fail "$plugin: $(reason "$out")"
		[ -s "$out.log" ] || fail "the plugin $plugin saw nothing"
		say "# $plugin: $(sed -n 's/^PASS: //p' "$out"); $(head -n 1 "$out.log")"
		rm "$out.log"
	done
}

qemu_test_program() {
	QEMU_WORK=$KPKEYS_CACHE/build/qemu-$QEMU_VERSION
	[ -z "${QEMU:-}" ] || QEMU_WORK=$QEMU_WORK-$(sha256sum <<<"$(realpath "$QEMU")" | cut -c1-8)
	echo "$QEMU_WORK/poe/build/tests/tcg/aarch64-softmmu/$1"
}

test_qemu_state() {
	timeout 300 python3 "$TOP/qemu/tests/state.py" "$RUN/qemu-poe" "$(qemu_test_program poe-tlb)" >"$RUN/qemu-state" 2>"$RUN/qemu-state.err" ||
		{ sed 's/^/# /' "$RUN/qemu-state.err"; sed -n 's/^not ok/# &/p' "$RUN/qemu-state"; fail "see above"; }
	sed -n -E 's/^ok [0-9]+ (.*)/ok state.\1/p' "$RUN/qemu-state" >"$RUN/qemu-state-cases"
	[ -s "$RUN/qemu-state-cases" ] || fail "it checked nothing"
	cases "$RUN/qemu-state-cases"
}

# QEMU's own tests of the machine and the CPU models.
test_qemu_qtests() {
	local log=$LOG_DIR/qemu-qtests.log out=$RUN/qemu-qtests name wrapper
	lock
	qemu_sync poe
	find_meson
	qemu_run ninja "${QEMU_QTESTS[@]/#/tests/qtest/}" >"$log" 2>&1 || fail "$(reason "$log")"
	unlock
	# A program by the name that they look for, and without a network card.
	mkdir "$RUN/qtests"
	wrapper=$RUN/qtests/$QEMU_TARGET
	printf '#!/bin/sh\nexec %q -nic none "$@"\n' "$RUN/qemu-poe" >"$wrapper"
	chmod +x "$wrapper"
	: >"$out"
	for name in "${QEMU_QTESTS[@]}"; do
		echo "== $name" >>"$log"
		(cd "$RUN" && QTEST_QEMU_BINARY=$wrapper timeout 300 \
			"$QEMU_WORK/build/tests/qtest/$name" --tap -k >"$RUN/qtest" 2>&1) ||
			echo "not ok $name" >>"$out"
		cat "$RUN/qtest" >>"$log"
		sed -nE "s,^((not )?ok) [0-9]+ /aarch64/,\1 $name.,p" "$RUN/qtest" |
			sed -E 's/^ok (.*) # SKIP/skip \1 #/' >>"$out"
	done
	[ "$(grep -c '^ok ' "$out")" -ge ${#QEMU_QTESTS[@]} ] || fail "they ran too few cases (log: $log)"
	cases "$out" || fail "log: $log"
}

# User mode: the programs of QEMU_USER_TARGETS build, and those that use protection keys run.
test_qemu_user() {
	local log=$LOG_DIR/qemu-user.log out=$RUN/qemu-user programs=("${QEMU_USER_TARGETS[@]%-linux-user}") total
	lock
	qemu_sync poe
	find_meson
	programs=("${programs[@]/#/qemu-}")
	total=$(qemu_run ninja -n "${programs[@]}" | grep -c '^\[' || :)
	progress "building QEMU (user mode)" "$log" "$total" qemu_run ninja -j"$JOBS" "${programs[@]}" test-plugins ||
		build_failed "$log" "QEMU (user mode)"
	qemu_run make -k run-tcg-tests-aarch64-linux-user GDB= TIMEOUT=300 >"$log" 2>&1 ||
		fail "$(grep -m1 -E 'Error|error:' "$log" || reason "$log") (log: $log)"
	unlock
	sed -nE 's/^ +TEST +(\S+) on .*/ok user.\1/p' "$log" | sort -u >"$out"
	grep -q '^ok user.pkey' "$out" || fail "the test of protection keys did not run (log: $log)"
	cases "$out"
}

# test_qemu: the steps, which make test has for ARCH=arm64, too.
test_qemu() {
	say "# QEMU with FEAT_S1POE"
	step "QEMU: git am and checkpatch" test_qemu_am
	step "QEMU: builds" test_qemu_build
	if [ ! -f "$RUN/qemu-poe" ]; then
		say "# no QEMU: the other steps are left out"
		return
	fi
	step "QEMU: bare-metal tests" test_qemu_tcg
	step "QEMU: random sequences" test_qemu_random
	step "QEMU: mutants fit" test_qemu_mutants_fit
	step "QEMU: s1poe=off" test_qemu_property
	step "QEMU: user mode" test_qemu_user
	step "QEMU: plugins" test_qemu_plugins
	step "QEMU: registers in gdb, migration and snapshots" test_qemu_state
	step "QEMU: machine and CPU models" test_qemu_qtests
	step "QEMU: Linux's self-tests of protection keys" test_poe_selftests "$RUN/qemu-poe"
}

cmd_test_qemu() {
	cache_init
	need build qemu
	test_qemu
	say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" = 0 ]
}

# make bench-qemu: QEMU without the series, with it, and with a flush at every register write.
cmd_bench_qemu() {
	local variant bins=()
	cache_init
	need build qemu
	for variant in stock poe flush; do
		qemu_build "$variant"
		bins+=("$QEMU_BIN")
	done
	QEMU_WORK=${QEMU_WORK%/*}/poe
	find_meson
	qemu_run make build-tcg-tests-aarch64-softmmu >"$LOG_DIR/qemu-tcg.log" 2>&1 ||
		die "the bare-metal benchmark does not build: $(reason "$LOG_DIR/qemu-tcg.log")"
	say
	say "Bare metal, EL1: ns for each operation, the least of 3 runs"
	qemu_bare_bench "${bins[@]:1}"
	say
	say "Linux: ns for each operation, the least of 3 runs, and its ratio to the first column"
	# The last -cpu counts.
	printf '#!/bin/sh\nexec %q "$@" -cpu %s,s1poe=off\n' "${bins[1]}" "$POE_CPU" >"$RUN/qemu-off"
	chmod +x "$RUN/qemu-off"
	poe_bench "${bins[0]}" "$RUN/qemu-off" "${bins[@]:1}" >"$RUN/linux-bench"
	printf '%-20s %12s %6s %12s %6s %12s %6s %12s %6s\n' "" stock "" s1poe=off "" series "" flush ""
	grep -E '^[a-z0-9-]+ +[0-9-]' "$RUN/linux-bench"
}

# qemu_bare_bench POE FLUSH
qemu_bare_bench() {
	local program n round
	program=$QEMU_WORK/build/tests/tcg/aarch64-softmmu/poe-bench
	for round in 1 2 3; do
		for n in 1 2; do
			timeout 300 "${!n}" -nic none -M virt -cpu max -display none -serial none -monitor none \
				-semihosting-config enable=on,target=native,chardev=output -chardev stdio,id=output \
				-kernel "$program" </dev/null >"$RUN/bare" 2>&1 || die "poe-bench: $(reason "$RUN/bare")"
			sed -nE "s/^bench: (\S+) ns=/$n \1 /p" "$RUN/bare" >>"$RUN/bare-all"
		done
		say "# round $round of 3"
	done
	awk '
		BEGIN { printf "%-28s %10s %10s %12s\n", "", "series", "flush", "flush/series" }
		!($2 in seen) { seen[$2]; order[++count] = $2 }
		!(($2, $1) in v) || $3 + 0 < v[$2, $1] { v[$2, $1] = $3 + 0 }
		END {
			for (i = 1; i <= count; i++) {
				name = order[i]
				printf "%-28s %10.1f %10.1f %12.2f\n", name, v[name, 1], v[name, 2], v[name, 2] / v[name, 1]
			}
		}' "$RUN/bare-all"
}
