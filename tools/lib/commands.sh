# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# make run, bench, shell.

must_boot() {
	local start=$SECONDS BOOT_LABEL="booting ($1)"
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
	part demo | report >"$RUN/report" || echo "nothing" >"$RUN/report"
	sed 's/^/  /' "$RUN/report"
	say
	say "Audit of all page tables: $(part audit | sed -n '/^page-table pages/p; /^violations/p' | paste -sd, | sed 's/,/, /g; s/^$/none/')"
	say "Console: $CONSOLE"
	[ "$rc" = 0 ] || arch_has_pkeys ||
		die "kpkeys is disabled here, as this CPU has no protection keys: there is nothing to show (KPKEYS_HOST=emulated has them)"
	[ "$rc" = 0 ] || { show_tail; die "the attack did not end as it should: off, it reads the secret; on, it is stopped"; }
}

# The kernel's report of a violation, as each architecture words it, without registers and stack.
report() {
	sed -n '/^BUG: kpkeys:/,/end trace/p' |
		grep -E '^(BUG: kpkeys|kpkeys:|Pid:|CPU: |RIP:|pc :|Call [Tt]race:| \[<| [A-Za-z0-9_.]+\+0x)'
}

# make bench: the same image with kpkeys off and on. Where the CPU is emulated, its clock counts
# instructions: what that measures can be compared, which the time that QEMU takes cannot.
cmd_bench() {
	local state unit=ns params="" csv
	prepare build
	arch_describe
	build_image on
	if arch_in_vm; then
		unit=instr
		params="ncpus=1"
		VM_CPU=("${VM_COUNTING[@]}")
	fi
	for state in off on; do
		must_boot "bench-$state" 120 default "$params kpkeys=$state ${KPKEYS_PARAMS:-} kpkeys.run=bench"
		[ "$(exit_status bench)" = 0 ] || { show_tail; die "the bench program failed"; }
		{
			sed -n 's/^boot_ms: \([0-9]*\).*/boot ns=\1000000 -=- -=-/p' "$CONSOLE"
			part bench | sed -n "s/^bench: //p"
		} >"$RUN/$state"
	done
	say
	bench_facts >"$RUN/facts"
	sed 's/^\([^,]*\),/\1: /' "$RUN/facts"
	say
	csv=${CONSOLE%-bench-on.log}-bench-$ARCH.csv
	awk -v unit="$unit" -v csv="$csv" '
		function value(field) { sub(/.*=/, "", field); return field }
		FILENAME ~ /facts$/ {
			i = index($0, ",")
			names = names "," substr($0, 1, i - 1)
			values = values ",\"" substr($0, i + 1) "\""
			next
		}
		FILENAME ~ /off$/ { off[$1] = value($2); next }
		FNR == 1 {
			printf "%-22s %14s %14s %7s %16s %12s\n", "per operation", "off, " unit, "on, " unit, "on/off", "register writes", "pkey changes"
			print "operation,unit,off,on,ratio,register_writes,pkey_changes" names >csv
		}
		{
			ns = value($2); writes = value($3); changes = value($4)
			printf "%-22s %14d %14d %7.2f %16s %12s\n", $1, off[$1], ns, ns / off[$1], writes, changes
			if (writes == "-") writes = changes = ""
			printf "%s,%s,%d,%d,%.4f,%s,%s%s\n", $1, unit, off[$1], ns, ns / off[$1], writes, changes, values >csv
		}' "$RUN/facts" "$RUN/off" "$RUN/on"
	[ "$unit" = ns ] || say "instr: instructions of the emulated CPU, in user mode and in the kernels; a register write counts as one."
	say "Log: $CONSOLE"
	say "The same as a table for programs: $csv"
}

# bench_facts: what was measured, and on what, as NAME,VALUE.
bench_facts() {
	echo "arch,$ARCH"
	echo "kernel,$(sed -n 's/^Linux version \([^ ]*\).*/\1/p' "$CONSOLE" | head -n 1)"
	echo "commit,$(git -C "$TOP" describe --always --dirty 2>/dev/null || echo unknown)"
	if arch_in_vm; then
		echo "qemu,$("${QEMU_BIN:-qemu-system-x86_64}" --version | sed -n '1s/.*version //p')"
	else
		echo "qemu,none"
	fi
	echo "host,$(sed -n '/^model name/{s/.*: //p; q}' /proc/cpuinfo)"
}

# kill_tree PID: the process and all that it started.
kill_tree() {
	local pid
	for pid in $(sed -sn "/^PPid:[[:space:]]*$1\$/F" /proc/[0-9]*/status 2>/dev/null); do
		kill_tree "$(cut -d/ -f3 <<<"$pid")"
	done
	kill -KILL "$1" 2>/dev/null || :
}

# shell_boot PARAMS: in the foreground of the terminal, if there is one. A terminal that is closed tells
# only the leader of its session, which may be a make that waits for this: so look whether it is still there.
shell_boot() {
	local pid rc=0
	if [ ! -t 0 ]; then
		arch_boot "$IMAGE" 1 "$1" || :
		return
	fi
	arch_boot "$IMAGE" 1 "$1" <&0 &
	pid=$!
	trap 'kill_tree "$pid"; exit 129' HUP TERM
	# The shell gets what is typed there.
	trap '' INT
	while kill -0 "$pid" 2>/dev/null; do
		stty -g >/dev/null 2>&1 || { kill_tree "$pid"; exit 129; }
		sleep 0.3
	done
	wait "$pid" || rc=$?
}

cmd_shell() {
	local saved='' size=''
	prepare build
	arch_describe
	build_image on
	if [ -t 0 ]; then
		saved=$(stty -g)
		size=kpkeys.size=$(stty size | tr ' ' x)
	fi
	cat <<-'END'
	A shell in the booted kernel, of root; "su user" is an ordinary user's. Leave with exit. A command that the
	kernel kills for what it did must not be the shell itself: pipe into another one. KPKEYS_PARAMS="kpkeys=off" adds boot parameters.
	END
	shell_boot "${ARCH_MODES[default]} $QUIET_PARAMS quiet $size ${KPKEYS_PARAMS:-} kpkeys.run=sh"
	[ -z "$saved" ] || stty "$saved"
}
