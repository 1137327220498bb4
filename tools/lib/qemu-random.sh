# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The random test of FEAT_S1POE in QEMU, and QEMUs with one defect each that it must find.

QEMU_MUTANTS=$TOP/qemu/tests/mutants
# About a minute by default; QEMU_SEEDS=100 tries as many seeds from QEMU_SEED on.
: "${QEMU_SEED:=1}" "${QEMU_SEEDS:=2}"

# How it runs: up, smp and single (four, and two virtual CPUs in one thread, at EL1), vhe (two at EL2), el3.
QEMU_RANDOM_KINDS=(up smp single vhe el3)

# qemu_random QEMU KIND PARAMETER...: leaves what it prints in $RUN/random.
qemu_random() {
	local qemu=$1 kind=$2 machine=virt el=1 opts=() args='' param
	shift 2
	case $kind in
	up) ;;
	smp) opts=(-smp 4) ;;
	single) opts=(-smp 2 -accel 'tcg,thread=single') ;;
	vhe) machine=virt,virtualization=on el=2 opts=(-smp 2) ;;
	el3) machine=virt,secure=on,virtualization=on el=3 ;;
	*) fail "$kind is no way to run the random test" ;;
	esac
	for param; do args+=,arg=$param; done
	timeout "$((120 + QEMU_SEEDS * 60))" "$qemu" -nic none -M "$machine" -cpu max "${opts[@]}" \
		-display none -serial none -monitor none -chardev stdio,id=output \
		-semihosting-config "enable=on,target=native,chardev=output,arg=$el$args" \
		-kernel "$QEMU_RANDOM" </dev/null >"$RUN/random" 2>&1
}

# Also a step of make test-qemu. Its program comes from test_qemu_tcg.
test_qemu_random() {
	local kind bad=0
	QEMU_RANDOM=$(qemu_test_program poe-random)
	[ -f "$QEMU_RANDOM" ] || fail "poe-random was not built"
	: >"$RUN/random-cases"
	for kind in "${QEMU_RANDOM_KINDS[@]}"; do
		if qemu_random "$RUN/qemu-poe" "$kind" "seed=$QEMU_SEED" "runs=$QEMU_SEEDS" epochs=32 &&
			grep -q '^PASS: [1-9]' "$RUN/random"; then
			echo "ok random.$kind" >>"$RUN/random-cases"
			sed -n "s/^PASS: /# random.$kind: /p" "$RUN/random"
		else
			echo "not ok random.$kind" >>"$RUN/random-cases"
			sed 's/^/# /' "$RUN/random" | tail -n 60
			bad=1
		fi
	done
	cases "$RUN/random-cases" || :
	[ "$bad" = 0 ] || fail "see the sequence above; trace=N prints the steps from N on"
}

# qemu_mutant PATCH: builds this defect and wants it found. Call it with the lock held.
qemu_mutant() {
	local log=$LOG_DIR/qemu-mutant.log kind bin=$RUN/qemu-mutant
	qemu_sync poe
	find_meson
	: >"$RUN/patch.log"
	apply_patch "$1" "$QEMU_WORK/tree" || fail "the defect does not fit the source"
	qemu_run ninja -j"$JOBS" "$QEMU_TARGET" >"$log" 2>&1 || fail "it does not build: $(reason "$log")"
	cp "$QEMU_WORK/build/$QEMU_TARGET" "$bin"
	kind=$(sed -n 's/^Run: //p' "$1")
	if qemu_random "$bin" "$kind" seed=1 runs=3; then
		fail "nothing noticed"
	fi
	grep -qE '^(MISMATCH|ERROR|FAIL)' "$RUN/random" || fail "it did not run: $(reason "$RUN/random")"
	say "# noticed: $(grep -m1 -E '^(MISMATCH|ERROR|FAIL)' "$RUN/random")"
}

# QEMUs with one defect each. The random test must notice every one of them.
test_qemu_mutants() {
	local file
	QEMU_RANDOM=$(qemu_test_program poe-random)
	[ -f "$QEMU_RANDOM" ] || die "poe-random was not built"
	lock
	for file in "$QEMU_MUTANTS"/*.patch; do
		step "$(basename "$file" .patch): $(head -n 1 "$file")" qemu_mutant "$file"
	done
	qemu_sync poe
	unlock
}

# The tree that is built must not keep a defect, and none of them may have gone stale.
test_qemu_mutants_fit() {
	local file
	lock
	qemu_sync poe
	unlock
	for file in "$QEMU_MUTANTS"/*.patch; do
		patch -d "$QEMU_WORK/tree" -p1 -F0 -s --dry-run -i "$file" >/dev/null </dev/null ||
			fail "${file#"$TOP/"} does not fit the source"
	done
}

# make test-qemu-mutants: as make test-mutants, for QEMU.
cmd_test_qemu_mutants() {
	cache_init
	need build qemu
	step "QEMU: builds" test_qemu_build
	step "QEMU: bare-metal tests" test_qemu_tcg
	test_qemu_mutants
	say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" = 0 ]
}
