# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What every part of the harness uses: messages, the cache, its lock, progress.

: "${KPKEYS_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/kpkeys}"
LOG_DIR=$KPKEYS_CACHE/log
JOBS=$(nproc)
KERNEL_SERIES=7.3
PATCH_DIR=$TOP/linux/patches-$KERNEL_SERIES
OVERLAY_DIR=$TOP/linux/overlay

say() { printf '%s\n' "$*"; }
err() { printf 'kpkeys: %s\n' "$*" >&2; }
die() {
	err "$*"
	# In a step of make test this is why it failed.
	[ -z "${IN_STEP:-}" ] || echo "$*" >"$RUN/why"
	exit 1
}

# Makes the cache and this run's own scratch folder (RUN), which goes away at exit.
cache_init() {
	[ -z "${RUN:-}" ] || return 0
	mkdir -p "$KPKEYS_CACHE"/{src,build,log,run,ccache} 2>/dev/null ||
		die "cannot write to $KPKEYS_CACHE; set KPKEYS_CACHE to a folder with 6 GB free"
	RUN=$(mktemp -d "$KPKEYS_CACHE/run/XXXXXX") ||
		die "cannot write to $KPKEYS_CACHE; set KPKEYS_CACHE to a folder with 6 GB free"
	trap at_exit EXIT
	trap 'exit 130' INT TERM
	export CCACHE_DIR=$KPKEYS_CACHE/ccache
	find "$LOG_DIR" -type f -mtime +14 -delete
}

# Two clones may share one cache: whoever writes src/ or build/ holds the lock.
lock() {
	exec {LOCK_FD}>"$KPKEYS_CACHE/lock"
	flock -n "$LOCK_FD" && return
	say "waiting for another kpkeys run that builds in $KPKEYS_CACHE"
	flock "$LOCK_FD"
}

unlock() { exec {LOCK_FD}>&-; }

# need_space MIB DIR: the free space that a step is known to need.
need_space() {
	local free
	free=$(df -Pm "$2" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "$2 has $free MiB free, $1 MiB are needed; free some, or set KPKEYS_CACHE to another disk"
}

# Why a command whose output is in LOG failed, in one line.
reason() {
	if grep -q 'No space left on device' "$1"; then
		echo "the disk is full"
	else
		grep -v '^[[:space:]]*$' "$1" | tail -n 1
	fi
}

# Starts CMD as a job of its own, so that at_exit can end it with all its children.
run_aside() {
	set -m
	"$@" &
	CHILD=$!
	set +m
}

at_exit() {
	[ -z "${CHILD:-}" ] || kill -- "-$CHILD" 2>/dev/null || :
	rm -rf "$RUN"
}

# progress LABEL LOG TOTAL CMD...: runs CMD with its output in LOG and says every few
# seconds how long it has taken and how many lines of LOG, out of TOTAL, are done.
# (TOTAL 0: not known.) In a terminal the status keeps to one line.
progress() {
	local label=$1 log=$2 total=$3 start=$SECONDS pid rc=0 n now last=0 every=10 end='\n'
	shift 3
	[ ! -t 1 ] || { every=1; end='\r'; }
	run_aside "$@" </dev/null >"$log" 2>&1
	pid=$CHILD
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		now=$((SECONDS - start))
		[ $((now - last)) -ge "$every" ] || continue
		last=$now
		n=$(wc -l <"$log")
		if [ "$n" -lt "$total" ]; then
			printf "%s: %d of about %d, %d s   $end" "$label" "$n" "$total" "$now"
		else
			printf "%s: %d lines, %d s   $end" "$label" "$n" "$now"
		fi
	done
	wait "$pid" || rc=$?
	CHILD=
	if [ "$rc" = 0 ]; then
		printf '%s: done in %d s                    \n' "$label" "$((SECONDS - start))"
	else
		printf '%s: failed after %d s               \n' "$label" "$((SECONDS - start))"
	fi
	return "$rc"
}
