# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What every part of the harness uses: messages, the cache, its lock, progress.

# cache_default: where the cache is if nobody says; nothing if there is no home.
cache_default() {
	local home=${HOME:-}
	[ -n "$home" ] || home=$(getent passwd "$(id -u)" | cut -d: -f6)
	if [ -n "${XDG_CACHE_HOME:-}" ]; then echo "$XDG_CACHE_HOME/kpkeys"; elif [ -d "$home" ]; then echo "$home/.cache/kpkeys"; fi
}

CACHE_DEFAULT=$(cache_default)
: "${KPKEYS_CACHE:=$CACHE_DEFAULT}"
[[ -z $KPKEYS_CACHE || $KPKEYS_CACHE == /* ]] || KPKEYS_CACHE=$PWD/$KPKEYS_CACHE
LOG_DIR=$KPKEYS_CACHE/log
KERNEL_SERIES=7.3
PATCH_DIR=$TOP/linux/patches-$KERNEL_SERIES
OVERLAY_DIR=$TOP/linux/overlay
TESTING_DIR=$TOP/linux/testing
MUTANT_DIR=$TESTING_DIR/mutants

say() { printf '%s\n' "$*"; }
err() { printf 'kpkeys: %s\n' "$*" >&2; }
die() {
	err "$*"
	# In a step of make test this is why it failed.
	[ -z "${IN_STEP:-}" ] || echo "$*" >"$STEP_WHY"
	exit 1
}

# Makes the cache and this run's own scratch folder (RUN), which goes away at exit.
cache_init() {
	[ -z "${RUN:-}" ] || return 0
	[ -n "$KPKEYS_CACHE" ] || die "there is no home directory; set KPKEYS_CACHE to a folder with 6 GB free"
	cache_mark && mkdir -p "$KPKEYS_CACHE"/{src,build,log,run,ccache} 2>/dev/null &&
		RUN=$(mktemp -d "$KPKEYS_CACHE/run/XXXXXX" 2>/dev/null) ||
		die "cannot write to $KPKEYS_CACHE; set KPKEYS_CACHE to a folder with 6 GB free"
	trap at_exit EXIT
	trap 'exit 130' INT TERM
	trap 'exit 129' HUP
	# Held for as long as this run, or what it started, lives.
	exec {RUN_FD}>"$RUN/alive"
	flock "$RUN_FD"
	export CCACHE_DIR=$KPKEYS_CACHE/ccache
	# The compiler says what a file includes; the preprocessor need not run first to find that out.
	export CCACHE_DEPEND=1
	! cache_is_ours || cache_age
}

# A folder that this makes, or finds empty, is ours: only there is anything deleted that this run has
# not made. So is the default one, which has our name.
cache_mark() {
	[ ! -e "$KPKEYS_CACHE/CACHEDIR.TAG" ] || return 0
	[ "$KPKEYS_CACHE" = "$CACHE_DEFAULT" ] || [ -z "$(ls -A "$KPKEYS_CACHE" 2>/dev/null)" ] || return 0
	mkdir -p "$KPKEYS_CACHE" 2>/dev/null || return
	{
		# As the specification of cache directory tags wants it.
		echo "Signature: 8a477f597d28d172789f06886806bc55"
		echo "# This folder was made by kpkeys, which may delete anything in it."
	} 2>/dev/null >"$KPKEYS_CACHE/CACHEDIR.TAG"
}

cache_is_ours() { grep -qs 'made by kpkeys' "$KPKEYS_CACHE/CACHEDIR.TAG"; }

# Old logs, and what runs have left that were killed.
cache_age() {
	local dir
	find "$LOG_DIR" -maxdepth 1 -type f \( -name '*.log' -o -name '*.csv' \) -mtime +14 -delete
	# A new one has a minute to take its lock.
	find "$KPKEYS_CACHE/run" -mindepth 1 -maxdepth 1 -type d -mmin +1 | while read -r dir; do
		[ "$dir" != "$RUN" ] || continue
		if [ -e "$dir/alive" ]; then
			flock -n "$dir/alive" true || continue
		elif [ -z "$(find "$dir" -maxdepth 0 -mtime +0)" ]; then
			# From before there were such locks: it may live for a day.
			continue
		fi
		remove "$dir"
	done
}

# remove DIR...: also what is read-only in it.
remove() {
	rm -rf "$@" 2>/dev/null || { chmod -R u+rwX "$@" 2>/dev/null; rm -rf "$@"; }
}

# Two clones may share one cache: whoever writes src/ or build/ holds the lock.
lock() {
	while :; do
		exec {LOCK_FD}>"$KPKEYS_CACHE/lock"
		if ! flock -n "$LOCK_FD"; then
			say "waiting for another kpkeys run that builds in $KPKEYS_CACHE"
			flock "$LOCK_FD"
		fi
		# make distclean may have removed it in between.
		[ ! "$KPKEYS_CACHE/lock" -ef "/proc/$BASHPID/fd/$LOCK_FD" ] || return 0
		exec {LOCK_FD}>&-
	done
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
		grep -vE '^[[:space:]]*$|^make(\[[0-9]+\])?: (Leaving|Entering) directory|^# ' "$1" | tail -n 1
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
	remove "$RUN" ${SCRATCH:+"$SCRATCH"}
}

# progress LABEL LOG TOTAL CMD...: runs CMD with its output in LOG and says every few
# seconds how long it has taken and how many lines of LOG, out of TOTAL, are done.
# (TOTAL 0: not known, and not told.) In a terminal the status keeps to one line. With V=1
# it shows LOG as it grows.
progress() {
	local label=$1 log=$2 total=$3 start=$SECONDS pid rc=0 n now last=0 every=10 end='\n'
	shift 3
	[ ! -t 1 ] || { every=1; end='\r'; }
	run_aside "$@" </dev/null >"$log" 2>&1
	pid=$CHILD
	[ "${VERBOSE:-0}" = 0 ] || tail -n +1 -s 0.2 -f --pid="$pid" "$log"
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		now=$((SECONDS - start))
		[ $((now - last)) -ge "$every" ] || continue
		last=$now
		n=$(wc -l <"$log")
		if [ "$n" -lt "$total" ]; then
			printf "%s: %d of about %d, %d s   $end" "$label" "$n" "$total" "$now"
		else
			printf "%s: %d s            $end" "$label" "$now"
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
