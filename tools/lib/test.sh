# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# make test: the steps, each a function test_NAME, and how they are counted.

# The kernel's own mm self-tests that build as static programs and need no other library.
SELFTESTS=(map_fixed_noreplace merge mremap_test mremap_dontunmap madv_populate mseal_test
	on-fault-limit droppable process_madv guard-regions mlock2-tests mdwe_test)

PASSED=0
FAILED=0
SKIPPED=0
STEPS=0

# ---- inside a step, which is a subshell of its own

# Some steps have a RUN of their own.
fail() { echo "$*" >"$STEP_WHY"; exit 1; }
skip() { echo "$*" >"$STEP_WHY"; exit 77; }

# cases FILE [PREFIX]: counts the cases in ktap.py's output; says which did not pass.
cases() {
	cat "$1" >>"$RUN/cases"
	sed -n 's/^not ok /# not ok /p' "$1"
	! grep -q '^not ok' "$1"
}

must() { boot "$@" || { show_tail; fail "$WHY"; }; }
must_calm() { calm || { show_tail; fail "not provoked by a test: $WHY"; }; }
must_exit_0() { [ "$(exit_status "$1")" = 0 ] || { show_tail; fail "$1 ended with $(exit_status "$1")"; }; }

ktap() { python3 "$TOP/tools/ktap.py" "$TREE"; }

# ---- counting

# step NAME FUNCTION [ARGS]: runs a step, prints its line, adds it and its cases up.
step() {
	local name=$1 rc=0 start=$SECONDS n=() why
	shift
	STEPS=$((STEPS + 1))
	: >"$RUN/cases"
	STEP_WHY=$RUN/why
	: >"$STEP_WHY"
	[ ! -t 1 ] || printf '# %s ...\r' "$name"
	# A job of its own, so that `set -e` counts in it and at_exit can end it.
	run_aside step_shell "$@" </dev/null
	wait "$CHILD" || rc=$?
	CHILD=
	why=$(cat "$STEP_WHY")
	mapfile -t n < <(for w in ok 'not ok' skip; do grep -c "^$w " "$RUN/cases" || :; done)
	PASSED=$((PASSED + n[0]))
	FAILED=$((FAILED + n[1]))
	SKIPPED=$((SKIPPED + n[2]))
	[ "$((n[0] + n[1] + n[2]))" = 0 ] || name="$name (cases: ${n[0]} passed, ${n[1]} failed, ${n[2]} skipped)"
	case $rc in
	0) say "ok $STEPS $name, $((SECONDS - start)) s"; PASSED=$((PASSED + 1)) ;;
	77) say "ok $STEPS $name # SKIP $why"; SKIPPED=$((SKIPPED + 1)) ;;
	*) say "not ok $STEPS $name: ${why:-exit $rc}"; FAILED=$((FAILED + 1)) ;;
	esac
}

step_shell() {
	trap '[ -z "${CHILD:-}" ] || kill -- "-$CHILD" 2>/dev/null || :' EXIT
	trap 'exit 143' TERM
	CHILD=
	IN_STEP=1
	"$@"
}

# ---- the code

# What <linux/cleanup.h> is made of: macros that define functions, for guards.
# Names of registers are spelt as the architecture does.
# <asm/percpu.h>: <linux/percpu.h> needs what includes <linux/kpkeys.h>.
CHECKPATCH_IGNORE=SPDX_LICENSE_TAG,COMPLEX_MACRO,MACRO_ARG_REUSE,MACRO_ARG_UNUSED,CAMELCASE,INCLUDE_LINUX

test_checkpatch() {
	local log=$LOG_DIR/checkpatch.log bad=() files
	cd "$RUN" # it leaves a file behind where it runs
	mapfile -t files < <(find "$OVERLAY_DIR" "$TESTING_DIR" -type f | grep -E '\.[chS]$|Kconfig|Makefile|\.rst$')
	perl "$TREE/scripts/checkpatch.pl" --strict --no-tree --terse --no-summary --show-types \
		--ignore "$CHECKPATCH_IGNORE" --root="$TREE" --file "${files[@]}" >"$log" 2>&1 || :
	mapfile -t files < <(testing_patches)
	[ ${#files[@]} = 0 ] || perl "$TREE/scripts/checkpatch.pl" --strict --terse --no-summary --show-types --root="$TREE" \
		--no-signoff --ignore "$CHECKPATCH_IGNORE" "${files[@]}" >>"$log" 2>&1 || :
	mapfile -t bad < <(grep -E ': (ERROR|WARNING|CHECK):' "$log")
	[ ${#bad[@]} = 0 ] || { printf '# %s\n' "${bad[@]}" | head -n 20; fail "${#bad[@]} remarks (log: $log)"; }
}

test_shellcheck() {
	command -v shellcheck >/dev/null || skip "shellcheck is not installed"
	cd "$TOP"
	shellcheck -x tools/kpkeys tools/vm-init .ci/run || fail "shellcheck has remarks"
}

test_build() {
	local left
	build_image "$1"
	[ "$1" = off ] || return 0
	# Its configuration is smaller. What we patch must be in it.
	left=$(comm -23 <(linked_patched on) <(linked_patched off) | paste -sd' ')
	[ -z "$left" ] || fail "linux/config/off.config leaves out files that we patch: $left"
	say "# $(linked_patched off | wc -l) files that we patch are in it"
}

# linked_patched VARIANT: the objects of a kernel, not of our own files, that are made of what we patch.
linked_patched() {
	(cd "$BUILD/$ARCH-$1" && ar t vmlinux.a) | grep -xF -f <(sed -n 's/\.[cS]$/.o/p' "$BUILD/files") |
		grep -vxF -f <(new_files | sed -n 's/\.[cS]$/.o/p') | sort
}

# Our own files once more with extra warnings, and with sparse if it is there: in a build folder
# of its own, whose flags differ. OUT_DIR is that of a configured kernel. Files that we patch have
# remarks of the kernel's own; they include the same headers.
test_warnings() {
	local log=$LOG_DIR/warnings-$ARCH.log objects check=()
	lock
	sync_tree
	OUT_DIR=$BUILD/$ARCH-on
	new_files >"$RUN/ours"
	mapfile -t objects < <(cd "$TREE" && grep '\.c$' "$RUN/ours" | while read -r file; do
		[ ! -f "$OUT_DIR/${file%.c}.o" ] || echo "${file%.c}.o"
	done)
	[ ${#objects[@]} != 0 ] || fail "there are no files to check"
	OUT_DIR=$BUILD/$ARCH-check
	configure on
	kernel_make -s prepare >"$log" 2>&1 || fail "$(reason "$log")"
	# The kernel wants a C23 operator of sparse, which Debian's does not know.
	! command -v sparse >/dev/null || check=(C=2 CHECK="sparse -D__typeof_unqual__=__typeof__")
	kernel_make W=1 "${check[@]}" "${objects[@]}" >"$log" 2>&1 || fail "$(reason "$log")"
	unlock
	! grep -q 'sparse is not available' "$log" || fail "the kernel does not take this sparse (log: $log)"
	[ ${#check[@]} = 0 ] || grep -q '^  CHECK ' "$log" || fail "sparse has checked nothing (log: $log)"
	# The kernel's headers have remarks, too. Debian's sparse has one about each MODULE_LICENSE().
	! grep -E '(warning|error):' "$log" | grep -v 'error: bad constant expression$' | grep -F -f "$RUN/ours" >"$RUN/remarks" ||
		{ head -n 20 "$RUN/remarks" | sed 's/^/# /'; fail "$(wc -l <"$RUN/remarks") warnings (log: $log)"; }
	say "# ${#objects[@]} files with W=1${check[0]:+ and sparse}"
}

# Each file of tools/build-tests must fail to compile, with the text that its first lines name.
test_build_tests() {
	local file text only name log output=$RUN/build-tests
	lock
	sync_tree
	OUT_DIR=$BUILD/$ARCH-check
	configure on
	kernel_make -s prepare >"$RUN/prepare.log" 2>&1 || fail "$(reason "$RUN/prepare.log")"
	: >"$output"
	for file in "$TOP"/tools/build-tests/*.c; do
		[ -e "$file" ] || skip "there are none"
		name=$(basename "$file" .c)
		log=$LOG_DIR/build-test-$name.log
		text=$(sed -n '1,5s,^/\* must not build: \(.*\) \*/$,\1,p' "$file")
		only=$(sed -n '1,5s,^/\* only: \(.*\) \*/$,\1,p' "$file")
		if [ -n "$only" ] && [[ " $only " != *" $ARCH "* ]]; then
			echo "skip $name # only: $only" >>"$output"
			continue
		fi
		cp "$file" "$TREE/mm/kpkeys_build_test.c"
		if kernel_make mm/kpkeys_build_test.o >"$log" 2>&1; then
			if [ -z "$text" ]; then echo "ok $name"; else echo "not ok $name: it builds"; fi
		elif [ -z "$text" ]; then
			echo "not ok $name: it does not build: $(grep -m1 error: "$log")"
		elif grep -qF -- "$text" "$log"; then
			echo "ok $name"
		else
			echo "not ok $name: fails for another reason: $(grep -m1 error: "$log")"
		fi >>"$output"
		rm -f "$TREE/mm/kpkeys_build_test.c" "$OUT_DIR/mm/kpkeys_build_test.o"
	done
	unlock
	cases "$output" || fail "$(grep -c '^not ok' "$output") of them"
}

# Invariant 3 of the design: nothing in the image writes the register, but what is inlined and
# what is on a list.
test_reg_writes() {
	python3 "$TOP/tools/check-reg-writes" "$ARCH" "$IMAGE/vmlinux" >"$RUN/reg-writes" 2>&1 ||
		{ sed 's/^/# /' "$RUN/reg-writes"; fail "see above"; }
	sed 's/^/# /' "$RUN/reg-writes"
}

# That check, on code that is assembled for it: good and bad cases of each rule, and the check
# itself broken in each of them.
test_reg_writes_tests() {
	python3 "$TOP/tools/regcheck/test.py" "$ARCH" >"$RUN/regcheck" || { cases "$RUN/regcheck" || :; fail "see above"; }
	cases "$RUN/regcheck"
}

# ---- the booted kernel

# KUnit in a mode; the result stays in $RUN/kunit-NAME for the comparison.
test_kunit() {
	local name=$1 mode=$2 params=$3 out=$RUN/kunit-$1 case
	# What else boots at the same time must not print in the middle of KTAP.
	must "kunit-$name" 120 "$mode" "$params kunit.enable=1 initramfs_async=0"
	ktap <"$CONSOLE" >"$out"
	cases "$out" || { show_tail; fail "log: $CONSOLE"; }
	calm || fail "not provoked by a test: $WHY (log: $CONSOLE)"
	[[ $params != *kpkeys=off* ]] || return 0
	for case in ${ARCH_MUST_PASS[$mode]:-}; do
		grep -qxF "ok $case" "$out" || fail "$case did not pass"
	done
	grep -q '^kpkeys: enabled' "$CONSOLE" || ! arch_has_pkeys ||
		fail "kpkeys is not enabled in this kernel"
}

# The suites that know nothing of kpkeys must give the same result with it off and on.
test_same_suites() {
	local state
	for state in off on; do
		[ -s "$RUN/kunit-$state" ] || fail "the suites did not run with kpkeys=$state"
		grep -v -E '(ok|skip) kpkeys' "$RUN/kunit-$state" >"$RUN/same-$state"
	done
	[ -s "$RUN/same-on" ] || fail "no suite ran"
	diff "$RUN/same-off" "$RUN/same-on" | sed -n 's/^[<>]/# &/p'
	cmp -s "$RUN/same-off" "$RUN/same-on" || fail "they differ (< off, > on)"
	say "# the same off and on: $(sed -E 's/^(not ok|ok|skip) //; s/\..*//' "$RUN/same-on" | uniq -c | awk '{ printf "%s%s (%d)", s, $2, $1; s = ", " }')"
}

test_demo() {
	must "demo-$1" 30 default "kpkeys=$1 kpkeys.run=demo,audit"
	must_exit_0 demo
	must_exit_0 audit
	part demo | sed -n 's/^result: /# /p'
	[ "$1" = on ] || must_calm
}

# attack_params STATE: with kpkeys off, an attack that wins may leave memory in which nothing works any
# more. The machine ends at once, and not after it has said so for minutes.
attack_params() {
	if [ "$1" = on ]; then echo "kpkeys=on kpkeys.run=attack"; else echo "kpkeys=off oops=panic kpkeys.run=attack"; fi
}

# retry_attack STATE NAME RESULTS: alone, with kpkeys off or on.
retry_attack() {
	local try line
	for try in 1 2 3 4 5; do
		# The machine may end after that.
		boot "attack-$2-$try" 90 default "$(attack_params "$1") kpkeys.attack=$2" </dev/null || :
		line=$(attack_results)
		[ -z "$line" ] || { sed -i "/^$2 /d" "$3" && echo "$line" >>"$3"; }
		[[ $line != "$2 won "* && $line != "$2 stopped kpkeys "* ]] || break
	done
}

# The attack corpus. A boot runs all attacks; where one ends the machine, another boot runs those
# that are left. With kpkeys off each must win, or it would prove nothing with kpkeys on: then it must
# be stopped, the kernel must say so, and all else must go on. What guest/attack/known-to-win lists
# must win all the same.
test_attacks() {
	local results=$RUN/attacks-$1 boots=0 last='' name end said
	: >"$results"
	while ! boot "attacks-$1-$boots" 90 default "$(attack_params "$1")${last:+ kpkeys.attack_after=$last}"; do
		attack_results >>"$results"
		last=$(sed -n 's/^attack: begin \([^:]*\):.*/\1/p' "$CONSOLE" | tail -n 1)
		[ -n "$last" ] || { show_tail; fail "$WHY"; }
		grep -q "^$last " "$results" || echo "$last died nothing broken 0: $WHY" >>"$results"
		boots=$((boots + 1))
		[ "$boots" -lt "$ATTACK_BOOTS" ] || { show_tail; fail "$boots machines have died"; }
	done
	attack_results >>"$results"
	must_exit_0 attack
	# Some depend on what memory the kernel hands out, or on what they hit: those that did not win,
	# that were not even noticed, or that ended the machine too early may try again.
	while read -r name end said _; do
		case "$1 $end $said" in
		"off won "* | "off not-possible "*) ;;
		"off "* | "on stopped nothing" | "on died "*) retry_attack "$1" "$name" "$results" ;;
		esac
	done < <(cat "$results")
	# The last line would be missing, and nothing else, if the list were cut short.
	[ "$1" = off ] || [ ! -s "$RUN/attacks-off" ] ||
		[ "$(cut -d' ' -f1 "$RUN/attacks-off" | sort)" = "$(cut -d' ' -f1 "$results" | sort)" ] ||
		fail "they are not those that ran with kpkeys off"
	judge_attacks "$1" <"$results" >"$RUN/attacks"
	sed -n 's/^skip \(.*\) # /# \1: /p' "$RUN/attacks"
	cases "$RUN/attacks" || fail "$(grep -c '^not ok' "$RUN/attacks") of them are not as expected (log: $CONSOLE)"
}

# test_attack NAME MODE: one that mode default has nothing for, with kpkeys off and on.
test_attack() {
	local state
	for state in off on; do
		must "attack-$1-$state" 90 "$2" "kpkeys=$state kpkeys.run=attack kpkeys.attack=$1"
		must_exit_0 attack
		attack_results | judge_attacks "$state" | sed "s/$1/&, kpkeys $state/"
	done >"$RUN/attack"
	# It is for this mode.
	sed -i 's/^skip/not ok/' "$RUN/attack"
	cases "$RUN/attack" || fail "log: $CONSOLE"
}

# attack_results: as the console has them, whole. printk() says a line again that it has cut.
attack_results() {
	sed -nE 's/^attack: result (([^ ]+ ){4}[0-9]+: .*)/\1/p' "$CONSOLE" |
		awk '!($1 in last) { name[++n] = $1 } { last[$1] = $0 } END { for (i = 1; i <= n; i++) print last[name[i]] }'
}

# Boots that a run of the corpus may take.
ATTACK_BOOTS=6

# judge_attacks STATE: lines "NAME END LOG SYSTEM AUDIT: words", as guest/attack/main.c explains them;
# prints cases.
judge_attacks() {
	local name end log system audit words why violations=0
	local list=${KNOWN_TO_WIN:-$TOP/guest/attack/known-to-win}
	while read -r name end log system audit words; do
		audit=${audit%:}
		why=$(sed -n "s/^$ARCH $name: //p" "$list")
		case $1-${why:+known-}$end in
		*-not-possible) echo "skip $name # not possible here: $words" ;;
		off-won | off-known-won) echo "ok $name" ;;
		off-*) echo "not ok $name: $end with kpkeys off: $words" ;;
		on-known-won | on-known-died) echo "skip $name # KNOWN TO WIN, $why ($words)" ;;
		on-known-stopped)
			if [ "$log" = nothing ] || [ "$system" != ok ] || [ "$audit" -gt "$violations" ]; then
				echo "skip $name # KNOWN, is stopped, but $why ($words)"
			else
				echo "not ok $name: is stopped; take it out of guest/attack/known-to-win"
			fi
			;;
		on-stopped)
			if [ "$log" = nothing ]; then
				echo "not ok $name: is stopped without a report ($words)"
			elif [ "$system" != ok ]; then
				echo "not ok $name: is stopped ($words), and then processes do not run as they should"
			elif [ "$audit" -gt "$violations" ]; then
				echo "not ok $name: is stopped ($words), and the audit finds $audit violations"
			else
				echo "ok $name"
			fi
			;;
		*) echo "not ok $name: $end: $words" ;;
		esac
		violations=$audit
	done
	while read -r name; do
		grep -q "^$name " "$RUN/attacks-$1" || echo "not ok $name: in guest/attack/known-to-win, and there is no such attack"
	done < <(sed -n "s/^$ARCH \([^:]*\): .*/\1/p" "$list")
}

# fault_boot NAME PARAMS TEXT: a boot with a fault injected; the console must have TEXT. True if it
# came to its end. It may be over before there is a console.
fault_boot() {
	local rc=0
	boot "fault-$1" 30 default "${ARCH_EARLYCON:-earlycon} kpkeys=on kpkeys.run=audit $2" || rc=1
	grep -qF -- "$3" "$CONSOLE" || { show_tail; fail "$2: the kernel does not say \"$3\""; }
	return "$rc"
}

# Boot fails closed: page tables in use that cannot be protected end it, memory that cannot be
# protected or kept track of is not handed out.
test_boot_faults() {
	local panic="Kernel panic - not syncing: kpkeys: cannot protect the page tables" n
	! fault_boot early kpkeys_test.fail_protect=1 "$panic of early boot" || fail "it boots with writable page tables"
	# How many pieces early boot has allocated differs.
	for n in 2 3 4 5 6 7 8; do
		! fault_boot static "kpkeys_test.fail_protect=$n" "$panic" || fail "it boots with writable page tables"
		! grep -qF "$panic in the kernel image" "$CONSOLE" || break
	done
	grep -qF "$panic in the kernel image" "$CONSOLE" || fail "the fault did not reach the page tables of the image"
	fault_boot lost kpkeys_test.fail_chunk=1 "are lost" || { show_tail; fail "$WHY"; }
	must_exit_0 audit
	fault_boot off "kpkeys=off kpkeys_test.fail_protect=1" "kpkeys: disabled: kpkeys=off" || { show_tail; fail "$WHY"; }
	must_exit_0 audit
}

test_audit() {
	must audit 30 "$1" "kpkeys.run=audit"
	must_exit_0 audit
	must_calm
	part audit | sed -n 's/^\(violations\|linear map\)/# &/p'
}

test_lkdtm() {
	must lkdtm 60 default "kpkeys.run=lkdtm,audit"
	part lkdtm | ktap >"$RUN/lkdtm"
	cases "$RUN/lkdtm" || { show_tail; fail "log: $CONSOLE"; }
	must_exit_0 lkdtm
	must_exit_0 audit
}

# Programs that check something by themselves, and the audit after them.
test_guest() {
	must "$1-$2" 60 default "kpkeys=$2 kpkeys.run=$1,audit"
	must_exit_0 "$1"
	must_exit_0 audit
	part "$1" | sed -n "s/^$1: /# /p"
}

# The sample of a driver with a key of its own: loaded, used, attacked and unloaded, twice. With kpkeys
# off it must not load, and say why.
test_sample() {
	must "sample-$1" 60 default "kpkeys=$1 kpkeys.run=sample,audit"
	must_exit_0 sample
	must_exit_0 audit
	part sample | sed -n 's/^sample: /# /p'
	if [ "$1" = off ]; then
		must_calm
		grep -qF "kpkeys_sample: not loaded: kpkeys is not enabled" "$CONSOLE" ||
			{ show_tail; fail "the module does not say why it is not loaded"; }
		return
	fi
	# The program has looked at each of the six reports. Nothing else may be wrong, but what comes with
	# an oops; one in a write to a file is in the middle of a file system's section.
	[ "$(grep -cF " (kpkeys_sample), context default" "$CONSOLE")" = 6 ] ||
		{ show_tail; fail "there are not six reports that name the key"; }
	WHY=$(grep -E "$BAD_LINES" "$CONSOLE" |
		grep -vE 'kpkeys: blocked (access|write) to protected memory|unable to handle page fault|Oops: |still has locks held') ||
		return 0
	show_tail
	fail "not provoked by the attacks: ${WHY%%$'\n'*}"
}

test_stress() {
	local seconds=${KPKEYS_STRESS_SECONDS:-60}
	must stress $((seconds + 60)) "$1" "kpkeys.run=stress kpkeys.stress=$seconds"
	must_exit_0 stress
	must_calm
	part stress | sed -n '/^stress: .* total=\|^violations\|^linear map/s/^/# /p' | tail -n 3
}

# The vmalloc test on two threads: every one of its parts, but for two that map tens of
# thousands of pages and would take minutes where the CPU is emulated.
test_vmalloc() {
	local loops=$((400 / $(arch_patience))) parts=8191
	[ "$(arch_patience)" = 1 ] || parts=$((parts & ~(2 | 4)))
	must "vmalloc-$1" 120 default "kpkeys=$1 test_vmalloc.run_test_mask=$parts test_vmalloc.nr_threads=2 test_vmalloc.test_loop_count=$loops test_vmalloc.nr_pcpu_objects=$((loops * 10))"
	must_calm
	sed -nE 's/.*Summary: (\S+) passed: ([0-9]+) failed: ([0-9]+).*/\1 \2 \3/p' "$CONSOLE" |
		awk '{ bad[$1] += $3; good[$1] += $2 } END { for (t in good) print bad[t] ? "not ok" : "ok", "vmalloc." t }' |
		sort >"$RUN/vmalloc"
	[ -s "$RUN/vmalloc" ] || fail "it did not run"
	cases "$RUN/vmalloc" || fail "log: $CONSOLE"
}

# build_selftests NAME...: Linux's own, into an image.
build_selftests() {
	local name out=$BUILD/selftests-$ARCH src=$TREE/tools/testing/selftests/mm log=$LOG_DIR/selftests.log
	local common=("$src"/{vm_util,hugepage_settings}.c) flags=(-static -O2 -w -D_GNU_SOURCE)
	lock
	sync_tree
	mkdir -p "$out"
	# User mode Linux has no headers of its own to install; the CPU's are the same.
	make -s -C "$TREE" O="$BUILD/headers-$ARCH" ARCH="$ARCH_HEADERS" headers >"$log" 2>&1 ||
		fail "headers: $(reason "$log")"
	for name; do
		case $name in
		*pkey* | protection_keys) ccache "${ARCH_CROSS:-}gcc" "${flags[@]}" -mxsave -I"$src/.." -I"$TREE" \
			-isystem "$BUILD/headers-$ARCH/usr/include" -o "$out/$name" \
			"$src/$name.c" "$src/pkey_util.c" "${common[@]}" -lpthread -lrt ;;
		*) ccache "${ARCH_CROSS:-}gcc" "${flags[@]}" -I"$src/.." -I"$TREE" \
			-isystem "$BUILD/headers-$ARCH/usr/include" -o "$out/$name" \
			"$src/$name.c" "${common[@]}" -lpthread -lrt ;;
		esac >"$log" 2>&1 || fail "$name: $(reason "$log")"
	done
	unlock
	IMAGE=$RUN/$ARCH-selftests
	rm -rf "$IMAGE" "$RUN/selftests"
	mkdir -p "$IMAGE" "$RUN/selftests/bin"
	cp "${@/#/$out/}" "$RUN/selftests/bin/"
	ln "$RUN/$ARCH-on/kernel" "$IMAGE/kernel"
	{
		cat "$RUN/$ARCH-on/initramfs.cpio"
		cd "$RUN/selftests" && find . | cpio -o -H newc -R 0:0 --quiet
	} >"$IMAGE/initramfs.cpio"
}

# same_selftests NAME LIMIT PARAMS PROGRAM...: with kpkeys off and on, every case must end the same way.
same_selftests() {
	local what=$1 limit=$2 params=$3 state words name
	shift 3
	build_selftests "$@"
	words=$(IFS=,; echo "$*")
	for state in off on; do
		# What the kernel has to say that is no warning must not be in the middle of a line.
		must "$what-$state" "$limit" default "kpkeys=$state $params sysctl.kernel.printk=5 kpkeys.run=$words"
		must_calm
		for name; do
			part "$name" | ktap | sed -E "s/^(ok|not ok|skip) /&$name./; s/[0-9]{3,}|0x[0-9a-f]+/N/g"
			echo "exit $name $(exit_status "$name")"
		done >"$RUN/selftests-$state"
	done
	diff "$RUN/selftests-off" "$RUN/selftests-on" | sed -n 's/^[<>]/# &/p'
	cmp -s "$RUN/selftests-off" "$RUN/selftests-on" || fail "they differ (< off, > on; log: $CONSOLE)"
	grep '^ok' "$RUN/selftests-on" >"$RUN/selftests-ok"
	cases "$RUN/selftests-ok"
	say "# fails without kpkeys, too: $(grep -c '^not ok' "$RUN/selftests-off"); the same off and on: $*"
}

# The mm self-tests. Some cases cannot pass on a small machine or on user mode Linux, with or without
# kpkeys.
test_selftests() { same_selftests selftests 90 "" "${SELFTESTS[@]}"; }

# A CPU without protection keys: this one, or this one with a system call taken away.
test_no_pkeys() {
	arch_boot_without_pkeys
	WHY=$(grep -m1 '^kpkeys: disabled' "$CONSOLE") || { show_tail; fail "the kernel does not say that kpkeys is disabled"; }
	say "# $WHY"
	must_calm
	[ "$(exit_status audit)" = 0 ] || fail "audit ended with $(exit_status audit)"
	[ "$(exit_status lkdtm)" = 0 ] || fail "lkdtm ended with $(exit_status lkdtm)"
	[ "$(exit_status sample)" = 0 ] || fail "sample ended with $(exit_status sample)"
	ktap <"$CONSOLE" >"$RUN/no-pkeys"
	grep -E '^(ok|not ok|skip) kpkeys' "$RUN/no-pkeys" >"$RUN/no-pkeys-kpkeys" || fail "the kpkeys suites did not run"
	cases "$RUN/no-pkeys-kpkeys" || fail "log: $CONSOLE"
}

# A kernel that does not come to its end: the log says where it was.
test_hang() {
	! boot hang 1 default "rdinit=/nowhere panic=0" || fail "it ends"
	[[ $WHY == *"did not come to an end"* ]] || { show_tail; fail "$WHY"; }
	tail -n 1 "$CONSOLE" | grep -q '^CPU#[0-9]* was at [0-9a-f]\{16\}$' || { show_tail; fail "it does not say where"; }
}

# ---- the harness itself: see selftest.sh

# ---- all of it

# image_steps NAME: what every image must do with kpkeys on.
image_steps() {
	local mode
	step "$1: attack with kpkeys on" test_demo on
	step "$1: attack corpus, kpkeys on" test_attacks on
	step "$1: LKDTM" test_lkdtm
	for mode in "${!ARCH_MODES[@]}"; do
		step "$1: audit at boot, $mode" test_audit "$mode"
	done
	step "$1: memory cgroups, kpkeys on" test_guest memcg on
	step "$1: refused memory, kpkeys on" test_guest faults on
	step "$1: sample of a driver, kpkeys on" test_sample on
	step "$1: vmalloc test, kpkeys on" test_vmalloc on
	step "$1: stress, then audit" test_stress default
}

test_arch() {
	local mode
	use_arch "$1"
	need "${ARCH_NEEDS[@]}"
	arch_prepare
	say "# ARCH=$ARCH"
	arch_describe | sed 's/^/# /'
	step "$ARCH: builds with the feature" test_build on
	if [ ! -f "$RUN/$ARCH-on/kernel" ]; then
		say "# no kernel: the other steps of ARCH=$ARCH are left out"
		return
	fi
	IMAGE=$RUN/$ARCH-on
	OUT_DIR=$BUILD/$ARCH-on
	step "$ARCH: builds without the feature" test_build off
	step "$ARCH: no warnings in our files" test_warnings
	step "$ARCH: what must not build does not build" test_build_tests
	step "$ARCH: check-reg-writes notices bad code" test_reg_writes_tests
	step "$ARCH: writes to the pkey register" test_reg_writes
	step "$ARCH: KUnit, kpkeys on" test_kunit on default "kpkeys=on"
	step "$ARCH: KUnit, kpkeys off" test_kunit off default "kpkeys=off"
	# UML has no lazy MMU mode.
	[ "$ARCH" = um ] ||
		step "$ARCH: KUnit, kpkeys_lazy=off" test_kunit lazy default "kpkeys=on kpkeys_lazy=off"
	step "$ARCH: suites of the kernel, off and on" test_same_suites
	for mode in "${!ARCH_MODES[@]}"; do
		[ "$mode" = default ] || step "$ARCH: KUnit, kpkeys on, $mode" test_kunit "$mode" "$mode" "kpkeys=on"
	done
	step "$ARCH: memory that cannot be protected at boot" test_boot_faults
	step "$ARCH: attack with kpkeys off" test_demo off
	step "$ARCH: attack corpus, kpkeys off" test_attacks off
	step "$ARCH: memory cgroups, kpkeys off" test_guest memcg off
	step "$ARCH: refused memory, kpkeys off" test_guest faults off
	step "$ARCH: sample of a driver, kpkeys off" test_sample off
	step "$ARCH: vmalloc test, kpkeys off" test_vmalloc off
	step "$ARCH: mm self-tests, off and on" test_selftests
	step "$ARCH: CPU without protection keys" test_no_pkeys
	! declare -F arch_steps >/dev/null || arch_steps
	image_steps "$ARCH"
}

cmd_test() {
	local arch arches=("$ARCH")
	[ "$ARCH" != all ] || mapfile -t arches < <(for arch in "${ARCHES[@]}"; do ! has_backend "$arch" || echo "$arch"; done)
	has_backend "${arches[0]}" || use_arch "${arches[0]}"
	judge_sources
	cache_init
	[[ $ARCH != all && $ARCH != arm64 ]] || need qemu
	need build test model
	lock
	sync_tree
	unlock
	step "shell scripts" test_shellcheck
	step "checkpatch" test_checkpatch
	selftest_steps
	step "model of the register's life" test_model
	[[ $ARCH != all && $ARCH != arm64 ]] || test_qemu
	for arch in "${arches[@]}"; do
		test_arch "$arch"
	done
	say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" = 0 ]
}

# make test-matrix: the same tests with other page sizes, address sizes and debugging options.
# What the files of linux/config/matrix-ARCH say, one kernel each. Their comments say more:
#   # build only: ...    it is not run
#   # machine: NAME      what it runs on, instead of the usual
#   # programs: WORD...  programs of guest/ to run besides
#   # cpus: WORD...      CPUs to run it on besides; each word is added to QEMU's -cpu
cmd_test_matrix() {
	local dir=$CONFIG_DIR/matrix-$ARCH file variants=() variant
	read -ra variants <<<"${KPKEYS_MATRIX:-}"
	if [ ${#variants[@]} = 0 ]; then
		[ -d "$dir" ] || die "ARCH=$ARCH has no matrix of configurations"
		mapfile -t variants < <(cd "$dir" && printf '%s\n' *.config | sed 's/\.config$//')
	fi
	for variant in "${variants[@]}"; do
		[ -f "$dir/$variant.config" ] || die "KPKEYS_MATRIX=$variant: unknown; $dir has the files of those that there are"
	done
	prepare build test
	arch_describe
	lock
	sync_tree
	unlock
	for variant in "${variants[@]}"; do
		test_variant "$variant"
	done
	say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" = 0 ]
}

# test_cpu PROPERTIES: on a CPU that differs.
test_cpu() {
	test_kunit "$1" default "kpkeys=on kpkeys.run=audit kpkeys.cpu=$1"
	must_exit_0 audit
}

test_variant() {
	local name="$ARCH $1" file program cpu
	file=$(variant_config "$1")
	say "# $name: $(sed -n '1s/^# //p' "$file")"
	! declare -F arch_set_machine >/dev/null || arch_set_machine "$(sed -n 's/^# machine: //p' "$file")"
	step "$name: builds" test_build "$1"
	IMAGE=$RUN/$ARCH-$1
	if [ -f "$IMAGE/kernel" ] && ! grep -q '^# build only' "$file"; then
		step "$name: KUnit, kpkeys on" test_kunit on default "kpkeys=on"
		image_steps "$name"
		for program in $(sed -n 's/^# programs: //p' "$file"); do
			step "$name: $program" test_guest "$program" on
		done
		for cpu in $(sed -n 's/^# cpus: //p' "$file"); do
			step "$name: KUnit and audit, CPU with $cpu" test_cpu "$cpu"
		done
	fi
	# So many kernels need room; ccache keeps the next run short.
	rm -rf "$IMAGE" "${BUILD:?}/$ARCH-$1"
}

# make test-series: builds the kernel after every commit of the series.
cmd_test_series() {
	local commit tree file
	prepare build
	lock
	sync_tree
	REPO=$RUN/series-repo
	mkdir "$REPO"
	copy_touched "$BASE" "$REPO"
	repo_base
	commit_all
	tree=$BUILD/tree-series
	rm -rf "$tree"
	cp -al "$BASE" "$tree"
	TREE=$tree
	OUT_DIR=$BUILD/$ARCH-series
	for commit in $(repo_git rev-list --reverse base..); do
		step "$(repo_git log -1 --format=%s "$commit")" test_commit "$commit"
	done
	rm -rf "$tree"
	unlock
	say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" = 0 ]
}

test_commit() {
	local log=$LOG_DIR/series-$ARCH.log file
	repo_git checkout -q "$1"
	(cd "$REPO" && git ls-files) | while read -r file; do
		put_if_changed "$REPO/$file" "$TREE/$file"
	done
	mkdir -p "$OUT_DIR"
	{
		kernel_make -s tinyconfig
		(cd "$OUT_DIR" && "$TREE/scripts/kconfig/merge_config.sh" -m -O . .config \
			"$CONFIG_DIR/base.config" "$CONFIG_DIR/$ARCH.config")
		kernel_make -s olddefconfig
		kernel_make -j"$JOBS" "$ARCH_TARGET"
	} >"$log" 2>&1 || fail "$(grep -m1 -E 'error|undefined reference|No rule' "$log")"
}

# make test-mutants: kernels with one defect each. The suites must notice every one of them.
cmd_test_mutants() {
	local file files=() names=() name
	read -ra names <<<"${KPKEYS_MUTANTS:-}"
	for name in ${names[@]+"${names[@]}"}; do
		files=("$MUTANT_DIR/$name.patch" "$MUTANT_DIR/$ARCH/$name.patch")
		[ -e "${files[0]}" ] || [ -e "${files[1]}" ] ||
			die "KPKEYS_MUTANTS=$name: unknown; ${MUTANT_DIR#"$TOP/"} has those that there are, and $ARCH/ those of ARCH=$ARCH"
	done
	prepare build
	arch_describe
	lock
	for file in "$MUTANT_DIR"/*.patch "$MUTANT_DIR/$ARCH"/*.patch; do
		[ -e "$file" ] || continue
		name=$(basename "$file" .patch)
		[ ${#names[@]} = 0 ] || [[ " ${names[*]} " == *" $name "* ]] || continue
		step "$name: $(head -n 1 "$file")" test_mutant "$file"
	done
	sync_tree
	unlock
	say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" = 0 ]
}

test_mutant() {
	local log=$LOG_DIR/mutant.log rc=0 params attack program try
	# A line "Parameters: ..." of the mutant: what shows the defect needs them. "Attack: NAME MODE":
	# an attack of the corpus that wins in that mode. "Program: NAME": one of guest/ that fails.
	params=$(sed -n '/^--- /q; s/^Parameters: //p' "$1")
	attack=$(sed -n '/^--- /q; s/^Attack: //p' "$1")
	program=$(sed -n '/^--- /q; s/^Program: //p' "$1")
	sync_tree "$1"
	OUT_DIR=$BUILD/$ARCH-mutant
	configure on
	kernel_make -j"$JOBS" "$ARCH_TARGET" modules >"$log" 2>&1 || fail "it does not build: $(reason "$log")"
	python3 "$TOP/tools/check-reg-writes" "$ARCH" "$OUT_DIR/${ARCH_ELF:-$ARCH_IMAGE}" >"$RUN/reg-writes" 2>&1 || rc=$?
	[ "$rc" -le 1 ] || fail "check-reg-writes: $(tail -n 1 "$RUN/reg-writes")"
	[ "$rc" = 0 ] || say "# noticed by check-reg-writes: $(head -n 1 "$RUN/reg-writes")"
	[ "$rc" = 0 ] || [ -n "$attack" ] || return 0
	IMAGE=$RUN/mutant
	rm -rf "$IMAGE" && mkdir "$IMAGE"
	cp "$OUT_DIR/$ARCH_IMAGE" "$IMAGE/kernel"
	build_initramfs
	if [ -n "$attack" ]; then
		# Some attacks race with the kernel.
		for try in 1 2 3 4 5 6; do
			must mutant 90 "${attack#* }" "kpkeys=on kpkeys.run=attack kpkeys.attack=${attack% *}"
			grep -q "^attack: result ${attack% *} won " "$CONSOLE" || continue
			say "# noticed: ${attack% *} wins (try $try)"
			return
		done
		fail "${attack% *} does not win, 6 times (log: $CONSOLE)"
	fi
	params="kpkeys=on kpkeys.run=audit${program:+,$program} kunit.enable=1 kunit.filter_glob=kpkeys* $params"
	if ! boot mutant 60 "${ARCH_MUTANT_MODE:-default}" "$params"; then
		mutant_ended_badly "$params"
		return
	fi
	ktap <"$CONSOLE" >"$RUN/mutant-cases"
	[ "$(grep -c '^ok kpkeys' "$RUN/mutant-cases")" -gt 0 ] || fail "the suites did not run"
	if grep '^not ok' "$RUN/mutant-cases" >"$RUN/noticed"; then
		say "# noticed: $(sed 's/^not ok //' "$RUN/noticed" | head -n 3 | paste -sd' ')"
	elif [ "$(exit_status audit)" != 0 ]; then
		say "# noticed: audit"
	elif [ -n "$program" ] && [ "$(exit_status "$program")" != 0 ]; then
		say "# noticed: $program: $(part "$program" | tail -n 1)"
	elif ! calm; then
		say "# noticed: $WHY"
	else
		fail "nothing noticed (log: $CONSOLE)"
	fi
}

# mutant_ended_badly PARAMS: a mutant's kernel did not reach its end. Whether that is due to the mutant: a
# test that failed before, or what a kernel prints as it dies, says so; a slow machine would only be late.
mutant_ended_badly() {
	local line
	# A machine that did not start proves nothing.
	[[ $WHY != *"printed nothing"* ]] || grep -q 'Kernel panic' "$CONSOLE" ||
		fail "$WHY: it may never have started"
	line=$(sed 's/^ *//' "$CONSOLE" | grep -m1 -E "^not ok |Kernel panic|$BAD_LINES") ||
		[[ $WHY != *"did not come to an end"* ]] || {
		say "# $WHY; with three times as much:"
		! boot mutant 180 "${ARCH_MUTANT_MODE:-default}" "$1" || fail "nothing noticed but that it was slow (log: $CONSOLE)"
		line=$(grep -v '^CPU#' "$CONSOLE" | tail -n 1)
	}
	say "# noticed: $WHY${line:+: $line}"
}
