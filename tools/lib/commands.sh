# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# make run, bench, shell.

must_boot() {
	local start=$SECONDS
	boot "$@" || { show_tail; die "$WHY"; }
	say "booted ($1): $((SECONDS - start)) s"
}

# side_by_side LEFT RIGHT: two texts in two columns, each line folded on its own.
side_by_side() {
	local left right i
	mapfile -t left < <(fold -s -w 42 "$1")
	mapfile -t right < <(fold -s -w 52 "$2")
	for ((i = 0; i < ${#left[@]} || i < ${#right[@]}; i++)); do
		printf '  %-44s%s\n' "${left[i]:-}" "${right[i]:-}"
	done
}

results() { part demo | sed -n 's/^result: //p'; }

# make run: the same image, booted with kpkeys off and on; the same attack in both.
cmd_run() {
	local rc=0
	prepare build
	arch_describe
	build_image on
	must_boot demo-off 30 default "kpkeys=off kpkeys.run=demo"
	{ echo "kpkeys=off"; echo "----------"; results; echo "demo: exit $(exit_status demo)"; } >"$RUN/off"
	[ "$(exit_status demo)" = 0 ] || rc=1
	must_boot demo-on 30 default "kpkeys=on kpkeys.run=demo,audit"
	{ echo "kpkeys=on"; echo "---------"; results; echo "demo: exit $(exit_status demo)"; } >"$RUN/on"
	[ "$(exit_status demo)" = 0 ] && [ "$(exit_status audit)" = 0 ] || rc=1
	say
	say "A data-only attack on a page table, one kernel image ($(sed -n 's/^Linux version \([^ ]*\).*/\1/p' "$CONSOLE"), ARCH=$ARCH), booted twice:"
	say
	side_by_side "$RUN/off" "$RUN/on"
	say
	say "What the kernel with kpkeys reported:"
	part demo | report | sed 's/^/  /'
	say
	say "Audit of all page tables: $(part audit | sed -n '/^page-table pages/p; /^violations/p' | paste -sd, | sed 's/,/, /g')"
	say "Console: $CONSOLE"
	[ "$rc" = 0 ] || { show_tail; die "the attack did not end as it should: off, it reads the secret; on, it is stopped"; }
}

# The kernel's report of a violation, as each architecture words it, without registers and stack.
report() {
	sed -n '/^kpkeys: BUG/,/end trace/p' |
		grep -E '^(kpkeys:|Pid:|CPU: |RIP:|pc :|Call [Tt]race:| \[<| [A-Za-z0-9_.]+\+0x)'
}

# make bench: the same image with kpkeys off and on. Where the CPU is emulated, its clock counts
# instructions: what that measures can be compared, which the time that QEMU takes cannot.
cmd_bench() {
	local state unit=ns params=""
	prepare build
	arch_describe
	build_image on
	if arch_in_vm; then
		unit=instr
		params="ncpus=1"
		VM_CPU=("${VM_COUNTING[@]}")
	fi
	for state in off on; do
		must_boot "bench-$state" 120 default "$params kpkeys=$state kpkeys.run=bench"
		[ "$(exit_status bench)" = 0 ] || { show_tail; die "the bench program failed"; }
		{
			sed -n 's/^boot_ms: \([0-9]*\).*/boot ns=\1000000 -=- -=-/p' "$CONSOLE"
			part bench | sed -n "s/^bench: //p"
		} >"$RUN/$state"
	done
	say
	awk -v unit="$unit" '
		{ ns = $2; sub(/.*=/, "", ns) }
		NR == FNR { off[$1] = ns; next }
		FNR == 1 { printf "%-22s %14s %14s %7s %16s %12s\n", "per operation", "off, " unit, "on, " unit, "on/off", "register writes", "key changes" }
		{
			sub(/.*=/, "", $3); sub(/.*=/, "", $4)
			printf "%-22s %14d %14d %7.2f %16s %12s\n", $1, off[$1], ns, ns / off[$1], $3, $4
		}' "$RUN/off" "$RUN/on"
	[ "$unit" = ns ] || say "instr: instructions of the emulated CPU, in user mode and in the kernels; a register write counts as one."
	say "Log: $CONSOLE"
}

cmd_shell() {
	local saved=
	prepare build
	arch_describe
	build_image on
	[ ! -t 0 ] || saved=$(stty -g)
	say "A shell in the booted kernel. Leave with exit. KPKEYS_PARAMS=\"kpkeys=off\" adds boot parameters."
	arch_boot "$IMAGE" 1 "${ARCH_MODES[default]} $QUIET_PARAMS quiet ${KPKEYS_PARAMS:-} kpkeys.run=sh" || :
	[ -z "$saved" ] || stty "$saved"
}
