# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# make test-qemu-series: every Arm target after each of QEMU's patches.
# make qemu-series: QEMU's patches as mails, a folder for each of the series into which they are sorted: a line
# "# series NAME" in qemu/patches-*/series begins one, and cover-NAME has its cover letter, subject first.

# qemu_series_names: the series in their order.
qemu_series_names() { sed -n 's/^# series //p' "$QEMU_PATCH_DIR/series"; }

# qemu_series_patches NAME: its patches.
qemu_series_patches() {
	awk -v name="$1" '/^# series / { on = $3 == name } on && !/^#/ && NF { print $1 }' "$QEMU_PATCH_DIR/series"
}

# Who sends the mails signs them off.
qemu_series_identity() {
	local name email
	name=$(git config user.name || :)
	email=$(git config user.email || :)
	case $email in
	?*@localhost | ?*@localhost.* | ?*@*.invalid) die "git's user.email is $email: mails need an address that others can write to" ;;
	?*@?*) [ -n "$name" ] || die "git has no user.name: who signs off the mails?" ;;
	*) die "git has no user.email: who signs off the mails?" ;;
	esac
}

# qemu_series_cover FILE NAME: the words of the cover letter into the mail.
qemu_series_cover() {
	SUBJECT=$(head -n 1 "$QEMU_PATCH_DIR/cover-$2") BODY=$(sed '1,2d' "$QEMU_PATCH_DIR/cover-$2") perl -0pi -e \
		's/\*\*\* SUBJECT HERE \*\*\*/$ENV{SUBJECT}/; s/\*\*\* BLURB HERE \*\*\*/$ENV{BODY}/' "$1"
}

cmd_qemu_series() {
	local out=${OUT:-$TOP/qemu-series} name patch from list files
	[ -z "$(ls -A "$out" 2>/dev/null)" ] || die "$out is not empty; remove it, or name another with OUT="
	qemu_series_identity
	cache_init
	lock
	find_qemu
	unlock
	mapfile -t list < <(qemu_patches poe)
	[ "$(qemu_patches poe)" = "$(qemu_series_names | while read -r name; do qemu_series_patches "$name"; done |
		sed "s,^,$QEMU_PATCH_DIR/,")" ] || die "${QEMU_PATCH_DIR#"$TOP/"}/series: not every patch is in one series"
	mapfile -t files < <(patched_files "${list[@]}")
	REPO=$RUN/qemu-series-repo
	mkdir "$REPO"
	qemu_touched "$REPO" "${files[@]}"
	git -C "$REPO" init -q
	repo_git add -Af
	repo_git commit -q --allow-empty -m "base: QEMU $(cat "$QEMU_BASE/VERSION")"
	mkdir -p "$out"
	out=$(realpath "$out")
	for name in $(qemu_series_names); do
		[ -f "$QEMU_PATCH_DIR/cover-$name" ] || die "${QEMU_PATCH_DIR#"$TOP/"}/cover-$name is not there"
		from=$(repo_git rev-parse HEAD)
		for patch in $(qemu_series_patches "$name"); do
			repo_git am -q --no-3way "$QEMU_PATCH_DIR/$patch" || die "git am refuses $patch"
			repo_git commit -q --amend --reset-author --signoff --no-edit
		done
		repo_git format-patch -q --no-signature --zero-commit --cover-letter --subject-prefix=PATCH -n \
			-o "$out/$name" "$from"
		qemu_series_cover "$out/$name/0000-cover-letter.patch" "$name"
		say "$out/$name: $(find "$out/$name" -name '*.patch' | wc -l) mails"
	done
}

# All that a user of Arm can build, by its name in ninja.
declare -A QEMU_ARM_TARGETS=(
	[aarch64-softmmu]=qemu-system-aarch64 [arm-softmmu]=qemu-system-arm
	[aarch64-linux-user]=qemu-aarch64 [aarch64_be-linux-user]=qemu-aarch64_be
	[arm-linux-user]=qemu-arm [armeb-linux-user]=qemu-armeb)

# qemu_each_commit COMMIT: makes the tree what this commit of $REPO has. Call it with the lock held.
qemu_each_commit() {
	local staged=$RUN/qemu-staged
	rm -rf "$staged" && mkdir "$staged"
	repo_git archive -o "$RUN/qemu-each.tar" "$1"
	tar -xf "$RUN/qemu-each.tar" -C "$staged"
	qemu_touched "$staged" pythondeps.toml
	sed -i 's/^pycotap/#&/' "$staged/pythondeps.toml"
	put_staged "$QEMU_BASE" "$staged" "$QEMU_WORK/tree" "$QEMU_WORK/files"
}

# Without optimisation: it is built and not used.
qemu_build_arm() {
	[ -f "$QEMU_WORK/build/build.ninja" ] || qemu_run ../tree/configure "${QEMU_CONFIGURE[@]}" \
		"$(qemu_target_list "${!QEMU_ARM_TARGETS[@]}")" -Doptimization=0 || return
	qemu_run ninja -j"$JOBS" "${QEMU_ARM_TARGETS[@]}"
}

test_qemu_commit() {
	local log=$LOG_DIR/qemu-series.log
	qemu_each_commit "$1"
	qemu_build_arm >"$log" 2>&1 || fail "$(grep -m1 -E '[Ee]rror:|ERROR:' "$log" || reason "$log") (log: $log)"
}

cmd_test_qemu_series() {
	local list files patch
	cache_init
	need build qemu
	lock
	# The tree and the build folder, before there are patches.
	qemu_sync each
	find_meson
	mkdir -p "$QEMU_WORK/build"
	mapfile -t list < <(qemu_patches poe)
	mapfile -t files < <(patched_files "${list[@]}")
	REPO=$RUN/qemu-each
	mkdir "$REPO"
	qemu_touched "$REPO" "${files[@]}"
	git -C "$REPO" init -q
	repo_git add -Af
	repo_git commit -q --allow-empty -m "base: QEMU $(cat "$QEMU_BASE/VERSION")"
	step "QEMU without patches" test_qemu_commit HEAD
	for patch in "${list[@]}"; do
		repo_git am -q --no-3way "$patch" || die "git am refuses ${patch##*/}"
		step "$(repo_git log -1 --format=%s)" test_qemu_commit HEAD
	done
	rm -rf "$QEMU_WORK"
	unlock
	say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" = 0 ]
}
