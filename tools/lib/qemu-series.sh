# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
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
