# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Boots an image with a time limit, keeps its console, judges how it went.

# A kernel that says one of these has a defect, unless a test provokes it.
BAD_LINES='Kernel panic|^(BUG|WARNING|Oops|KASAN)|\bBUG: |general protection|INFO: (task|rcu)|self-detected stall|double fault'

# Parameters of every boot: the vmalloc test, if built in, would run for minutes by default.
QUIET_PARAMS="test_vmalloc.run_test_mask=0 kunit.enable=0"

# boot NAME LIMIT MODE PARAMS: boots IMAGE for at most LIMIT seconds (longer where it is
# emulated) of its own time: on a busy machine it is slow and not wrong. Sets CONSOLE, the log.
# Succeeds if the guest came to its end; else says why in WHY. BOOT_LABEL: what to say meanwhile.
boot() {
	local limit=$(($2 * $(arch_patience))) rc try raw=$RUN/console own elapsed busy=
	# For watch_job, if there is a virtual machine.
	local VM_DEVICES=("${VM_DEVICES[@]}" -chardev "pipe,id=monitor,path=${RUN//,/,,}/monitor" -mon chardev=monitor)
	CONSOLE=$LOG_DIR/$(date +%Y%m%d-%H%M%S)-$$-$1.log
	rm -f "$RUN"/monitor.{in,out}
	mkfifo "$RUN"/monitor.{in,out}
	for try in 1 2 3; do
		rc=0
		run_aside arch_boot "$IMAGE" 0 "${ARCH_MODES[$3]} $QUIET_PARAMS $4" </dev/null >"$raw" 2>&1
		watch_job "$limit" "$raw" || rc=$?
		[ "$rc" = 125 ] || break
		say "# the virtual machine did not start (try $try of 3)"
	done
	tr -d '\r' <"$raw" >"$CONSOLE"
	rm "$raw"
	read -r own elapsed <"$RUN/times"
	[ "$elapsed" -le $((own * 2)) ] || busy="; the machine is busy: that took $elapsed s"
	if [ "$rc" = 124 ]; then
		WHY="the kernel did not come to an end within $limit s of its own time$busy"
	elif ! grep -q '^Linux version' "$CONSOLE"; then
		WHY="the kernel printed nothing within $own s of its own time$busy"
	elif ! grep -q '^kpkeys-guest: done' "$CONSOLE"; then
		WHY="the kernel stopped before its programs were done"
	else
		return 0
	fi
	return 1
}

# watch_job LIMIT LOG: waits for the job in CHILD; ends it after LIMIT seconds of its own time, and
# returns 124. Where a virtual machine is around the kernel, and that has not even started after a
# minute of its own time (one in some dozens does not, before it prints or runs anything of ours):
# ends it, and returns 125. What the job itself returned is in JOB_RC.
watch_job() {
	local rc=0 start=0
	! declare -F arch_in_vm >/dev/null || ! arch_in_vm || start=60
	"$TOP/tools/watch-job" "$CHILD" "$1" "$start" "$2" "$RUN/times" "${BOOT_LABEL:-}" "$RUN/monitor" || rc=$?
	JOB_RC=0
	wait "$CHILD" 2>/dev/null || JOB_RC=$?
	CHILD=
	return "$rc"
}

# calm: whether the console is free of what no test provoked; else says so in WHY.
calm() {
	! WHY=$(grep -m1 -E "$BAD_LINES" "$CONSOLE")
}

# part WORD: what the guest's program WORD printed, with what the kernel said meanwhile.
part() { sed -n "/^kpkeys-guest: $1 begin\$/,/^kpkeys-guest: $1 exit /p" "$CONSOLE"; }

# exit_status WORD: the kernel may print in the middle of a line of the guest.
exit_status() { sed -n "s/^kpkeys-guest: $1 exit \([0-9]*\).*/\1/p" "$CONSOLE"; }

show_tail() {
	say "the end of $CONSOLE:"
	tail -n 25 "$CONSOLE" | sed 's/^/    /'
}
