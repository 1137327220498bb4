# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The harness itself, tested on small trees that hold just the files it touches.

# small_tree DIR: a kernel tree with no more than what kpkeys changes.
small_tree() {
	local file
	mkdir -p "$1"
	copy_touched "$BASE" "$1"
	for file in Makefile Kbuild MAINTAINERS .gitignore .gitattributes; do
		[ ! -f "$BASE/$file" ] || copy_file "$BASE" "$file" "$1"
	done
}

# refuses TEXT COMMAND...: it must fail with one line, which has TEXT.
refuses() {
	local text=$1 out
	shift
	if out=$("$@" 2>&1 >/dev/null); then
		fail "$* was accepted"
	fi
	[ "$(wc -l <<<"$out")" = 1 ] || fail "$*: not one line but: $out"
	[[ $out == *"$text"* ]] || fail "$*: it says: $out"
}

# tool COMMAND [NAME=VALUE...]
tool() { env "${@:2}" "${TOOL_TOP:-$TOP}/tools/kpkeys" "$1"; }

# works COMMAND [NAME=VALUE...]: what it says stays in $RUN/said.
works() { tool "$@" >"$RUN/said" 2>&1 || fail "$*: $(tail -n 1 "$RUN/said")"; }

tree_sum() { (cd "$1" && find . -path ./.git -prune -o \( -type f -o -type l \) -printf '%m %p\n' -type f -exec sha256sum {} + | sort | sha256sum); }

# Who sends the mails of a test.
AUTHOR=(GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=user.name "GIT_CONFIG_VALUE_0=A. Tester"
	GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=tester@example.org)

# Somebody who has not told git who they are.
NOBODY=(GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=2
	GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0= GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=)

test_bad_input() {
	local cache=$RUN/bad dist=$RUN/distfiles
	refuses "unknown" tool run ARCH=mips
	has_backend arm64 || refuses "not there yet" tool run ARCH=arm64
	refuses "no such folder" tool apply LINUX=/nowhere
	refuses "not a folder" tool apply LINUX=/etc/passwd
	refuses "not a Linux source tree" tool apply LINUX="$TOP"
	small_tree "$RUN/old"
	sed -i 's/^PATCHLEVEL = .*/PATCHLEVEL = 2/' "$RUN/old/Makefile"
	refuses "needs $KERNEL_SERIES" tool apply LINUX="$RUN/old"
	refuses "needs $KERNEL_SERIES" tool series LINUX="$RUN/old" OUT="$RUN/old-series"
	refuses "KPKEYS_HOST" tool run ARCH=um KPKEYS_HOST=moon
	refuses "no matrix" tool test-matrix ARCH=um
	refuses "KPKEYS_MATRIX=moon" tool test-matrix ARCH=arm64 KPKEYS_MATRIX=moon
	refuses "KPKEYS_MUTANTS=moon" tool test-mutants ARCH=um KPKEYS_MUTANTS="lazy-kept moon"
	mkdir -p "$dist" "$cache"
	refuses "CONFIG=FILE" tool deb ARCH=x86_64 CONFIG=/nowhere
	refuses "no machine boots" tool deb ARCH=um
	echo CONFIG_X86_64=y >"$RUN/deb-config"
	refuses "no configuration for ARCH=arm64" tool deb ARCH=arm64 CONFIG="$RUN/deb-config"
	refuses "is not empty" tool deb ARCH=x86_64 CONFIG="$RUN/deb-config" OUT="$dist/.."
	head -c 100000 /dev/zero | xz | head -c 100 >"$dist/linux-$KERNEL_SERIES.99.tar.xz"
	refuses "cannot be unpacked" tool series "${AUTHOR[@]}" KPKEYS_CACHE="$cache" KPKEYS_DISTFILES="$dist" OUT="$RUN/none"
	[ -z "$(ls -A "$cache/src")" ] || fail "a damaged archive left something in the cache"
}

# The deliberately broken kernels of make test-mutants: none must have gone stale.
test_mutants_fit() {
	local tree=$RUN/mutants file files
	small_tree "$RUN/mutants-base"
	mkdir "$tree"
	stage "$RUN/mutants-base" "$tree" testing
	# Some are in files that kpkeys leaves alone.
	mapfile -t files < <(find "$MUTANT_DIR" -name '*.patch')
	while read -r file; do
		[ -e "$tree/$file" ] || copy_file "$BASE" "$file" "$tree"
	done < <(patched_files "${files[@]}")
	while read -r file; do
		"$TOP/tools/apply-patches" "$tree" "$(mktemp -d "$RUN/mutant.XXXXXX")" "$file" 2>"$RUN/mutant.log" ||
			fail "it does not fit the source: $(cat "$RUN/mutant.log")"
	done < <(find "$MUTANT_DIR" -name '*.patch')
}

# hook_patch LINES: a call in el1_abort(), which looks like its neighbours, with so many lines of context.
hook_patch() {
	local dir=$RUN/hooks-patch
	rm -rf "$dir" && mkdir -p "$dir/a" "$dir/b"
	cp "$BASE/$HOOK_FILE" "$dir/a/c"
	awk '/ el1_abort\(/ { here = 1 } { print } here && /arm64_enter_from_kernel_mode/ { print "\thook();"; here = 0 }' \
		"$dir/a/c" >"$dir/b/c"
	(cd "$dir" && git -c core.abbrev=40 diff --no-index -U"$1" a/c b/c | sed "s,[ab]/[ab]/c,x/$HOOK_FILE,") || :
}

# A hook lands where it belongs, or the patch is refused.
test_hooks() {
	local tree=$RUN/hooks one=$RUN/hooks-one HOOK_FILE=arch/arm64/kernel/entry-common.c file n list
	# Eight lines of comment less above it. With one line of context, patch(1) puts it into el1_pc().
	mkdir -p "$tree/base/${HOOK_FILE%/*}" "$tree/out"
	awk '/^[ \t]*\* / && n < 8 { n++; next } { print }' "$BASE/$HOOK_FILE" >"$tree/base/$HOOK_FILE"
	[ "$(diff "$BASE/$HOOK_FILE" "$tree/base/$HOOK_FILE" | grep -c '^<')" = 8 ] || fail "$HOOK_FILE has no such comments"
	hook_patch 1 >"$RUN/hook1"
	hook_patch 3 >"$RUN/hook3"
	patch -s -F0 -o "$RUN/wrong" "$tree/base/$HOOK_FILE" "$RUN/hook1" 2>/dev/null && [ "$(hooked "$RUN/wrong")" != el1_abort ] ||
		say "# patch(1) would do it right here"
	refuses "$HOOK_FILE: hunk 1 " "$TOP/tools/apply-patches" "$tree/base" "$tree/out" "$RUN/hook1"
	"$TOP/tools/apply-patches" "$tree/base" "$tree/out" "$RUN/hook3" || fail "three lines of context are not enough"
	[ "$(hooked "$tree/out/$HOOK_FILE")" = el1_abort ] || fail "the hook of el1_abort() is in $(hooked "$tree/out/$HOOK_FILE")"

	# The same with all of the series: what differs are the eight lines.
	small_tree "$tree/whole"
	mkdir "$tree/good"
	mapfile -t list < <(patch_paths)
	"$TOP/tools/apply-patches" "$tree/whole" "$tree/good" "${list[@]}" || fail "the series does not apply"
	while read -r file; do
		awk '/^[ \t]*\* / && n < 8 { n++; next } { print }' "$BASE/$file" >"$tree/whole/$file"
		n=$(($(wc -l <"$BASE/$file") - $(wc -l <"$tree/whole/$file")))
		rm -rf "$tree/moved" && mkdir "$tree/moved"
		if "$TOP/tools/apply-patches" "$tree/whole" "$tree/moved" "${list[@]}" 2>"$RUN/moved"; then
			[ "$(diff "$tree/good/$file" "$tree/moved/$file" | grep -c '^[<>]')" = "$n" ] ||
				fail "with $n lines less in $file a hook lands elsewhere"
		else
			say "# $n lines less: refused, $(cat "$RUN/moved")"
		fi
		cp "$BASE/$file" "$tree/whole/$file"
	done < <(sed -nE 's,^--- a/(.*\.c)$,\1,p' "${list[@]}" | sort -u | while read -r file; do [ ! -e "$BASE/$file" ] || echo "$file"; done)

	# Text that is there twice: by the line alone nobody knows which is meant.
	mkdir -p "$one/base" "$one/new"
	printf '%s\n' 'f()' '{' '	int a;' '	g();' '	h();' '}' 'i()' '{' '	int a;' '	g();' '	h();' '}' >"$one/base/c"
	cp "$one/base/c" "$one/new/c"
	sed -i '4s/$/\n\thook();/' "$one/new/c"
	(cd "$one" && git -c core.abbrev=40 diff --no-index -U2 base/c new/c | sed 's,base/c,c,; s,new/c,c,' >p) || :
	mkdir "$one/out"
	"$TOP/tools/apply-patches" "$one/base" "$one/out" "$one/p" || fail "the patch does not fit what it was made from"
	cmp -s "$one/out/c" "$one/new/c" || fail "the patch gives something else"
	rm "$one/out/c"
	sed -i '1i/* one line more */' "$one/base/c"
	refuses "fits at lines 4, 10" "$TOP/tools/apply-patches" "$one/base" "$one/out" "$one/p"
	sed -i '1d' "$one/base/c"
	echo '/* one line more */' >>"$one/base/c"
	refuses "fits at lines 3, 9" "$TOP/tools/apply-patches" "$one/base" "$one/out" "$one/p"
	[ -z "$(ls "$one/out")" ] || fail "a refused patch changed something"
}

# hooked FILE: the function that has the hook.
hooked() { awk '/^[a-z].*\(/ { f = $0 } /\thook\(\);/ { sub(/\(.*/, "", f); sub(/.* /, "", f); print f }' "$1"; }

# claim_clone: a copy of the harness whose series a test may spoil, in TOOL_TOP.
claim_clone() {
	TOOL_TOP=$RUN/clone-$1
	mkdir "$TOOL_TOP"
	cp -a "$TOP/tools" "$TOP/linux" "$TOOL_TOP/"
}

# Each overlay file belongs to one patch; a patch may add to a file that another one made.
test_claims() {
	local tree=$RUN/claims-tree TOOL_TOP dir first
	claim_clone claims
	dir=$TOOL_TOP/linux/patches-$KERNEL_SERIES
	first=$dir/$(patches | sed -n 1p)
	small_tree "$tree"
	echo "/* nobody's */" >"$TOOL_TOP/linux/overlay/mm/kpkeys/stray.c"
	refuses "no patch claims linux/overlay/mm/kpkeys/stray.c" tool apply LINUX="$tree"
	sed -i '0,/^---$/s//Overlay: mm\/kpkeys\/stray.c\n---/' "$first"
	works apply LINUX="$tree"
	rm -rf "$tree" && small_tree "$tree"
	sed -i '0,/^---$/s//Overlay: mm\/kpkeys\/stray.c\n---/' "$dir/$(patches | tail -n 1)"
	refuses "more than one patch claims" tool apply LINUX="$tree"
	rm "$TOOL_TOP/linux/overlay/mm/kpkeys/stray.c"
	refuses "which is no file of linux/overlay" tool apply LINUX="$tree"
	[ ! -e "$tree/include/linux/kpkeys.h" ] || fail "a refused try changed the tree"
}

# make apply: into a good tree; a second time, and into one that a patch does not fit, refused.
test_apply() {
	local tree=$RUN/apply sum file
	small_tree "$tree"
	works apply LINUX="$tree"
	for file in $(overlay_files); do
		cmp -s "$OVERLAY_DIR/$file" "$tree/$file" || fail "$file is not there"
	done
	sum=$(tree_sum "$tree")
	refuses "kpkeys is already in" tool apply LINUX="$tree"
	[ "$sum" = "$(tree_sum "$tree")" ] || fail "the second try changed the tree"
	rm -rf "$tree"
	small_tree "$tree"
	file=$(patches | tail -n 1)
	file=$(patched_files "$PATCH_DIR/$file" | tail -n 1)
	: >"$tree/$file"
	sum=$(tree_sum "$tree")
	refuses "does not apply" tool apply LINUX="$tree"
	[ "$sum" = "$(tree_sum "$tree")" ] || fail "a failed try changed the tree"
}

# in_mounts COMMAND...: with mounts of its own; needs root, or user namespaces.
in_mounts() {
	local user=()
	[ "$(id -u)" = 0 ] || user=(-r)
	unshare "${user[@]}" -m -- "$@"
}

# make apply that is stopped in the middle: the tree is as it was.
test_apply_undone() {
	local tree=$RUN/undone mount=$RUN/undone-mount
	in_mounts true 2>/dev/null || skip "mounting is not allowed here"
	small_tree "$tree"
	mkdir "$mount"
	# shellcheck disable=SC2016 # for the inner shell
	in_mounts bash -euc '
		tool=$1 tree=$2 mount=$3
		sum() { (cd "$1" && find . -type f -exec sha256sum {} + | sort; find . | sort); }
		mount -t tmpfs -o size=$(($(du -sk "$tree" | cut -f1) + 600))k tmp "$mount"
		cp -a "$tree/." "$mount"
		sum "$mount" >"$tree.before"
		! LINUX=$mount "$tool" apply 2>"$tree.full" >&2
		sum "$mount" | cmp - "$tree.before"
		mount --bind "$tree/arch/um" "$tree/arch/um"
		mount -o remount,bind,ro "$tree/arch/um"
		sum "$tree" >"$tree.before"
		! LINUX=$tree "$tool" apply 2>"$tree.part" >&2
		sum "$tree" | cmp - "$tree.before"
		umount "$tree/arch/um"
		# What cannot be moved away is met when half of the files are in place.
		mount --bind "$tree/kernel/softirq.c" "$tree/kernel/softirq.c"
		! LINUX=$tree "$tool" apply 2>"$tree.busy" >&2
		umount "$tree/kernel/softirq.c"
		sum "$tree" | cmp - "$tree.before"
		mount --bind "$tree" "$tree"
		mount -o remount,bind,ro "$tree"
		! LINUX=$tree "$tool" apply 2>"$tree.ro" >&2
	' - "$TOP/tools/kpkeys" "$tree" "$mount" >"$RUN/said" 2>&1 || fail "a failed try changed the tree: $(tail -n 1 "$RUN/said")"
	refuses "the disk is full); nothing was changed" relay "$tree.full"
	refuses "Read-only file system); nothing was changed" relay "$tree.part"
	refuses "softirq.c: Device or resource busy); nothing was changed" relay "$tree.busy"
	refuses "Read-only file system); nothing was changed" relay "$tree.ro"
}

# relay FILE: says what was said before.
relay() { cat "$1" >&2; false; }

# What attacks or benchmarks the kernel is in the kernels that are tested, and nowhere else.
test_testing() {
	local tree=$RUN/testing-product all=$RUN/testing-all file n=0
	small_tree "$tree"
	mkdir "$all"
	stage "$tree" "$all" testing
	works apply LINUX="$tree"
	while read -r file; do
		n=$((n + 1))
		[ ! -e "$tree/$file" ] || fail "make apply puts $file there"
		[ -e "$all/$file" ] || fail "$file is not in the kernels that are tested"
	done < <(overlay_files "$TESTING_DIR/overlay")
	while read -r file; do
		! grep -qE '^\+.*KPKEYS_(ATTACK|BENCH)' "$file" || fail "${file##*/} has what is for linux/testing"
	done < <(patch_paths)
	! grep -rlE 'KPKEYS_(ATTACK|BENCH)\b|kpkeys_(attack|bench)' "$tree" >"$RUN/leaks" ||
		fail "make apply puts it there: $(sed "s,$tree/,,g" "$RUN/leaks" | paste -sd' ')"
	say "# $n files for tests only"
}

# make series: mails that git am, checkpatch, git send-email and b4 take as they are.
test_series_mails() {
	local tree=$RUN/am base=$RUN/series-base mails=$RUN/mails file bad force log=$LOG_DIR/checkpatch-mails.log
	refuses "the mails need an author" tool series "${NOBODY[@]}" LINUX="$BASE" OUT="$RUN/no-mails"
	refuses "others can reach" tool series "${AUTHOR[@]}" GIT_CONFIG_VALUE_1=root@localhost LINUX="$BASE" OUT="$RUN/no-mails"
	refuses "others can reach" tool series "${AUTHOR[@]}" GIT_CONFIG_VALUE_1=root@host.localdomain LINUX="$BASE" OUT="$RUN/no-mails"
	refuses "VERSION=two" tool series "${AUTHOR[@]}" LINUX="$BASE" VERSION=two OUT="$RUN/no-mails"
	[ -z "$(ls -A "$RUN/no-mails" 2>/dev/null)" ] || fail "refused, and there are mails"

	small_tree "$base"
	git -C "$base" init -q
	REPO=$base repo_git add -Af
	REPO=$base repo_git commit -qm "Linux"
	cp -a "$base" "$tree"
	works series "${AUTHOR[@]}" LINUX="$base" VERSION=2 OUT="$mails"
	[ "$(find "$mails" -name 'v2-*.patch' | wc -l)" = $(($(patches | wc -l) + 1)) ] || fail "not one mail a patch"
	[ "$(grep -l '^Subject: \[PATCH v2 [0-9]*/[0-9]*\] ' "$mails"/*.patch | wc -l)" = $(($(patches | wc -l) + 1)) ] ||
		fail "not every subject has [PATCH v2"
	# The signer is the author of all, or there is another From.
	for file in "$mails"/*.patch; do
		grep -qx 'From: A\. Tester <tester@example\.org>\|From: "A\. Tester" <tester@example\.org>' "$file" || fail "$file has another sender"
		[[ $file == */v2-0000-* ]] ||
			[ "$(grep -c '^Signed-off-by: A\. Tester <tester@example\.org>$' "$file")" = 1 ] || fail "$file is not signed off, or twice"
		! grep -E '@localhost|^Overlay:' "$file" >"$RUN/said" || fail "$file has: $(head -n 1 "$RUN/said")"
	done
	file=$(find "$mails" -name 'v2-0000-*')
	grep -qx "base-commit: $(git -C "$base" rev-parse HEAD)" "$file" || fail "the cover letter has no base-commit"
	grep -qx "Based on Linux $(tree_version "$base")." "$file" || fail "the cover letter does not name Linux's version"
	grep -qE '^ [0-9]+ files changed, ' "$file" || fail "the cover letter has no diffstat"
	if [ -s "$PATCH_DIR/cover" ]; then
		grep -qF "$(head -n 1 "$PATCH_DIR/cover")" "$file" || fail "the cover letter has another subject"
	else
		grep -q 'cover is not there' "$RUN/said" || grep -q 'HERE \*\*\*' "$file" || fail "nobody says that there is no cover letter"
	fi

	find "$mails" -name '*.patch' ! -name 'v2-0000-*' | sort | REPO=$tree xargs_am >"$RUN/am.log" 2>&1 ||
		fail "git am refuses the mails: $(head -n 1 "$RUN/am.log")"
	rm -rf "$tree/.git"
	small_tree "$RUN/applied"
	works apply LINUX="$RUN/applied"
	[ "$(tree_sum "$tree")" = "$(tree_sum "$RUN/applied")" ] || fail "the mails give another tree than make apply"

	if [ -x "$(git --exec-path)/git-send-email" ]; then
		# Without a cover letter in the repository the template is still there.
		[ -s "$PATCH_DIR/cover" ] || force=--force
		(cd "$RUN" && env "${AUTHOR[@]}" git send-email --dry-run --quiet --confirm=never --validate \
			--to=list@example.org --smtp-server=/bin/false ${force:-} "$mails") >"$RUN/send.log" 2>&1 ||
			fail "git send-email refuses the mails: $(tail -n 1 "$RUN/send.log")"
		say "# git send-email --dry-run takes them"
	fi
	(cd "$RUN" && perl "$TREE/scripts/checkpatch.pl" --strict --terse --no-summary --show-types --root="$TREE" \
		--ignore "$CHECKPATCH_IGNORE" "$mails"/v2-*.patch) >"$log" 2>&1 || :
	# It asks at every new file that is not in the mail of the MAINTAINERS entry. Assembly in a header, and
	# the table of x86's features, look as what is around them does; so do <asm/pgtable.h> and x86's includes.
	mapfile -t bad < <(grep -E ': (ERROR|WARNING|CHECK):' "$log" |
		grep -vE "WARNING:FILE_PATH_CHANGES|0000-cover|CHECK:LINE_SPACING|ARCH_INCLUDE_LINUX|SPACING: .*'(%' \(ctx:WxV|[*+]' \(ctx:VxV)")
	[ ${#bad[@]} = 0 ] || { printf '# %s\n' "${bad[@]}" | head -n 20; fail "${#bad[@]} remarks (log: $log)"; }
	# The answer: who maintains them.
	overlay_files | unmaintained "$RUN/applied/MAINTAINERS" >"$RUN/unmaintained"
	[ ! -s "$RUN/unmaintained" ] || fail "no entry of MAINTAINERS has $(head -n 3 "$RUN/unmaintained" | paste -sd' ')"
}

# xargs_am: git am of the mails on stdin.
xargs_am() {
	local list
	mapfile -t list
	repo_git am -q "${list[@]}"
}

# unmaintained MAINTAINERS: those files of the list on stdin that no entry has, but for that which has all.
unmaintained() {
	python3 -c '
import fnmatch, os, sys
path = sys.argv[1]
lines = open(path, encoding="utf-8").read().splitlines() if os.path.exists(path) else []
patterns = [line[2:].strip() for line in lines if line.startswith("F:")]
patterns = [p for p in patterns if p not in ("*", "*/")]
for name in sys.stdin.read().splitlines():
    if not any(fnmatch.fnmatchcase(name, p + "*" if p.endswith("/") else p) for p in patterns):
        print(name)' "$1"
}

# make tree, a change of each kind there, make refresh in a clone, make apply from that.
test_refresh() {
	local tree=$RUN/dev small=$RUN/small file first second status TOOL_TOP
	claim_clone refresh
	small_tree "$small"
	# What hides every new file in Debian's source.
	echo '/*' >>"$small/.gitignore"
	works tree LINUX="$small" DIR="$tree"
	works refresh DIR="$tree"
	diff -r "$TOP/linux" "$TOOL_TOP/linux" >"$RUN/refresh.diff" ||
		fail "refresh of an unchanged tree changed $(head -n 1 "$RUN/refresh.diff")"
	[ "$(patches | wc -l)" = "$(git -C "$tree" rev-list --count base..)" ] || fail "not one commit a patch"

	REPO=$tree
	file=$(overlay_files | sed -n 1p)
	first=$(repo_git log --format=%H --diff-filter=A base.. -- "$file")
	echo "/* changed */" >>"$tree/$file"
	refuses "not committed: $file" tool refresh DIR="$tree"
	repo_git commit -qam "fixup! $(repo_git log -1 --format=%s "$first")"
	refuses "not squashed yet" tool refresh DIR="$tree"
	GIT_SEQUENCE_EDITOR=: repo_git rebase -q -i --autosquash base >"$RUN/rebase.log" 2>&1 || fail "git rebase --autosquash fails"
	mkdir -p "$tree/mm/kpkeys"
	echo "/* new */" >"$tree/mm/kpkeys/new.c"
	refuses "not committed: mm/kpkeys/new.c" tool refresh DIR="$tree"
	echo "# patched file" >>"$tree/mm/Makefile"
	printf '#!/bin/sh\n' >"$tree/mm/kpkeys/new.sh"
	chmod +x "$tree/mm/kpkeys/new.sh"
	echo "# twice" >"$tree/mm/kpkeys/Makefile.new"
	repo_git add -A
	repo_git commit -qm "mm: a new patch" -m "With a file." -m "Signed-off-by: A <a@localhost>"
	second=$(repo_git rev-parse HEAD)
	echo "# other file" >>"$tree/Makefile"
	echo "# twice" >>"$tree/mm/kpkeys/Makefile.new"
	repo_git commit -q --author="Somebody Else <else@example.org>" -am "kbuild: another one"
	repo_git checkout -q -b side "$second"
	repo_git commit -q --allow-empty -m "nothing"
	refuses "changes nothing" tool refresh DIR="$tree"
	repo_git checkout -q kpkeys
	repo_git merge -q --no-ff -m "a merge" side
	refuses "is a merge" tool refresh DIR="$tree"
	repo_git reset -q --hard HEAD^
	works refresh DIR="$tree"
	[ -x "$TOOL_TOP/linux/overlay/mm/kpkeys/new.sh" ] || fail "a script is not executable any more"
	[ ! -e "$TOOL_TOP/linux/overlay/mm/kpkeys/Makefile.new" ] || fail "a file of two commits is in the overlay"
	file=$(find "$TOOL_TOP/linux/patches-$KERNEL_SERIES" -name '*-mm-a-new-patch.patch')
	[ -n "$file" ] || fail "there is no new patch"
	[ "$(patch_overlay "$file" | paste -sd' ')" = "mm/kpkeys/new.c mm/kpkeys/new.sh" ] || fail "it claims: $(patch_overlay "$file")"
	! grep -E '^(From|Signed-off-by):' "$file" >"$RUN/said" || fail "it has: $(cat "$RUN/said")"
	grep -qx 'From: Somebody Else <else@example.org>' "$TOOL_TOP/linux/patches-$KERNEL_SERIES"/*-kbuild-another-one.patch ||
		fail "somebody else's patch is ours now"
	[ "$(patch_message "$TOOL_TOP/linux/patches-$KERNEL_SERIES"/*-kbuild-another-one.patch)" = "kbuild: another one" ] ||
		fail "the message of a patch that is a subject only is lost"
	grep -B 1 -m 1 -x -e --- "$TOOL_TOP/linux/patches-$KERNEL_SERIES"/*-kbuild-another-one.patch | grep -qx '' ||
		fail "the header of a patch that is a subject only does not end"
	PATCH_DIR=$TOOL_TOP/linux/patches-$KERNEL_SERIES patches | while read -r file; do
		cmp -s "$PATCH_DIR/$file" "$TOOL_TOP/linux/patches-$KERNEL_SERIES/$file" || echo "$file"
	done >"$RUN/changed-patches"
	[ "$(wc -l <"$RUN/changed-patches")" = 2 ] || fail "other patches changed: $(paste -sd' ' "$RUN/changed-patches")"
	works apply LINUX="$small"
	repo_git checkout -q HEAD
	cp "$small/.gitignore" "$tree/.gitignore"
	rm -rf "$tree/.git"
	[ "$(tree_sum "$tree")" = "$(tree_sum "$small")" ] || fail "what refresh wrote is not the tree"
}

# The cache: nothing is deleted in a folder that is somebody else's; in ours, what dead runs have left.
test_cache() {
	local other=$RUN/other ours=$RUN/ours tree=$RUN/cache-tree sum
	small_tree "$tree"
	mkdir -p "$other"/{src,build,log,ccache,run/abcdef}
	for file in src/my-code.c build/b log/syslog.1 log/my.log ccache/c run/abcdef/file; do
		echo mine >"$other/$file"
		touch -d '30 days ago' "$other/$file"
	done
	touch -d '30 days ago' "$other/run/abcdef"
	sum=$(tree_sum "$other")
	refuses "was not made by kpkeys" tool clean KPKEYS_CACHE="$other"
	refuses "was not made by kpkeys" tool distclean KPKEYS_CACHE="$other"
	works apply KPKEYS_CACHE="$other" LINUX="$tree"
	[ "$sum" = "$(tree_sum "$other")" ] || fail "a file in another folder was touched"

	rm -rf "$tree"
	small_tree "$tree"
	works apply KPKEYS_CACHE="$ours" LINUX="$tree"
	grep -q '^Signature: 8a477f597d28d172789f06886806bc55' "$ours/CACHEDIR.TAG" || fail "our folder is not marked"
	[ -z "$(ls -A "$ours/run")" ] || fail "something is left in run/: $(ls -A "$ours/run")"
	mkdir -p "$ours"/build/x "$ours"/run/{dead,alive,old,new}/read-only
	touch "$ours"/run/{dead,alive}/alive "$ours"/log/{old.log,old.csv,notes}
	chmod a-w "$ours"/run/dead/read-only
	touch -d '30 days ago' "$ours"/log/{old.log,old.csv,notes} "$ours"/run/{dead,alive,old}
	exec {held}>"$ours/run/alive/alive"
	flock "$held"
	touch -d '30 days ago' "$ours/run/alive"
	works clean KPKEYS_CACHE="$ours"
	exec {held}>&-
	[ "$(ls "$ours/run" | paste -sd' ')" = "alive new" ] || fail "in run/ there is now: $(ls "$ours/run" | paste -sd' ')"
	[ "$(ls "$ours/log" | paste -sd' ')" = "notes" ] || fail "in log/ there is now: $(ls "$ours/log" | paste -sd' ')"
	[ ! -e "$ours/build/x" ] || fail "make clean leaves build/"
	works distclean KPKEYS_CACHE="$ours"
	[ "$(find "$ours" -mindepth 1 -maxdepth 1 -printf '%P\n' | sort | paste -sd' ')" = "CACHEDIR.TAG run" ] ||
		fail "make distclean leaves: $(ls -A "$ours" | paste -sd' ')"
	touch -d '30 days ago' "$ours"/run/*
	works distclean KPKEYS_CACHE="$ours"
	[ ! -e "$ours" ] || fail "make distclean leaves: $(ls -A "$ours" | paste -sd' ')"

	# As in a cron job or a container.
	env -u HOME -u XDG_CACHE_HOME -u KPKEYS_CACHE "$TOP/tools/kpkeys" help >"$RUN/said" 2>&1 || fail "without HOME: $(tail -n 1 "$RUN/said")"
	grep -q '^make run' "$RUN/said" || fail "without HOME there is no help"
}

# A checkout that cannot be written to, and a user who is not root.
test_read_only() {
	local user=() dir rc=0
	if [ "$(id -u)" = 0 ]; then
		user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	fi
	# Where another user can get at it.
	dir=$(mktemp -d)
	read_only_steps "$dir" "${user[@]}" || rc=$?
	remove "$dir"
	return "$rc"
}

# A function, since all that it makes is to be removed however it ends.
read_only_steps() (
	dir=$1 user=("${@:2}")
	mkdir "$dir/checkout" "$dir/cache"
	cp -a "$TOP/tools" "$TOP/linux" "$TOP/Makefile" "$dir/checkout/"
	small_tree "$dir/tree"
	chmod -R a+rX,u+w "$dir"
	[ "$(id -u)" != 0 ] || chown -R 65534 "$dir/cache" "$dir/tree"
	chmod -R a-w "$dir/checkout"
	mkdir "$dir/bin"
	# A tool that not everybody has.
	printf '#!/bin/sh\nexit 127\n' >"$dir/bin/patch"
	chmod -R a+rx "$dir/bin"
	run_there() {
		"${user[@]}" env HOME=/nowhere PATH="$dir/bin:$PATH" KPKEYS_CACHE="$dir/cache" "${@:2}" "$dir/checkout/tools/kpkeys" "$1"
	}
	run_there apply LINUX="$dir/tree" >"$RUN/said" 2>&1 || fail "make apply: $(cat "$RUN/said")"
	[ "$(wc -l <"$RUN/said")" = 2 ] || fail "make apply says: $(cat "$RUN/said")"
	[ -e "$dir/tree/include/linux/kpkeys.h" ] || fail "make apply did nothing"
	[ -z "$(ls -A "$dir/cache/run")" ] || fail "something is left in run/"
	rm -rf "$dir/tree"
	small_tree "$dir/tree"
	chmod -R a+rX "$dir/tree"
	[ "$(id -u)" != 0 ] || chown -R 65534 "$dir/tree"
	refuses "cannot write to" run_there series "${AUTHOR[@]}" LINUX="$dir/tree"
	run_there series "${AUTHOR[@]}" LINUX="$dir/tree" OUT="$dir/cache/series" >"$RUN/said" 2>&1 || fail "make series: $(tail -n 1 "$RUN/said")"
	chmod -R a-w "$dir/tree"
	refuses "nothing was changed" run_there apply LINUX="$dir/tree"
	refuses "cannot write to" run_there apply LINUX="$dir/tree" KPKEYS_CACHE=/proc/nowhere
)

# hold SECONDS: keeps a CPU busy for so long, of its own time.
hold() {
	python3 -c 'import sys, time
while time.process_time() < float(sys.argv[1]): pass' "$1"
}

# A time limit counts what the job had of the machine.
test_time_limits() {
	local RUN=$RUN/limits cpu rc start own elapsed i hogs=()
	mkdir "$RUN"
	CONSOLE=$RUN/log
	arch_in_vm() { false; }
	start=$SECONDS
	rc=0
	{
		run_aside idle_job >"$CONSOLE" 2>&1
		watch_job 2 "$CONSOLE" || rc=$?
	} 2>"$RUN/noise"
	[ "$rc" = 124 ] || fail "a job that sleeps is not ended: $rc"
	[ $((SECONDS - start)) -lt 60 ] || fail "it took $((SECONDS - start)) s to end a job"
	[ ! -s "$RUN/noise" ] || fail "bash says: $(cat "$RUN/noise")"

	cpu=$(taskset -cp $$ | sed 's/.*[:,-] *//')
	for i in 1 2 3 4 5; do
		taskset -c "$cpu" bash -c "$(declare -f hold); hold 20" &
		hogs+=($!)
	done
	rc=0
	run_aside busy_job "$cpu" >"$CONSOLE" 2>&1
	watch_job 2 "$CONSOLE" || rc=$?
	{
		for i in "${hogs[@]}"; do kill_tree "$i"; done
		wait "${hogs[@]}"
	} 2>/dev/null || :
	read -r own elapsed <"$RUN/times"
	[ "$rc" = 0 ] || fail "a job that the machine was too busy for was ended after $own s of its own, $elapsed s"
	[ "$JOB_RC" = 7 ] || fail "what the job returned is lost: $JOB_RC"
	[ "$elapsed" -gt 2 ] || skip "the machine is too fast to be made busy"
	say "# limit 2 s, own time $own s, elapsed $elapsed s"
}

idle_job() { sleep 1000; }
busy_job() { taskset -c "$1" bash -c "$(declare -f hold); hold 0.8"; return 7; }

# What each command says when there is nothing to report, or nothing works.
test_messages() {
	local RUN=$RUN/messages
	mkdir "$RUN"
	refuses "unknown; make help" "$TOP/tools/kpkeys" foo
	refuses "JOBS=many" tool help JOBS=many
	refuses "no such folder" tool run ARCH=um LINUX=/nowhere KPKEYS_CACHE="$RUN/cache"
	refuses "not a Linux source tree" tool test LINUX="$TOP" KPKEYS_CACHE="$RUN/cache"
	refuses "KPKEYS_DISTFILES=/nowhere" tool series "${AUTHOR[@]}" KPKEYS_DISTFILES=/nowhere KPKEYS_CACHE="$RUN/cache" OUT="$RUN/none"
	[ ! -e "$RUN/cache" ] || fail "something was fetched or made before LINUX= was judged"

	# A damaged object file: the linker's line, not make's.
	cat >"$RUN/log" <<-END
	make: Entering directory '/x'
	ld: mm/mmap.o: file not recognized: file truncated
	make[1]: *** [mm/built-in.a] Error 1
	make: *** [Makefile:248: __sub-make] Error 2
	make: Leaving directory '/x'
	END
	refuses "mmap.o: file not recognized: file truncated; a file in the build folder is damaged, type: make clean" quietly build_failed "$RUN/log" "the kernel"
	printf '%s\n' 'strange words' 'make: *** [Makefile:1: x] Error 2' >"$RUN/log"
	refuses "does not build: strange words" quietly build_failed "$RUN/log" "the kernel"

	# What a build prints, with V=1 and without.
	(VERBOSE=1 progress label "$RUN/log" 1 echo "what it prints") >"$RUN/said"
	grep -qx "what it prints" "$RUN/said" || fail "V=1 does not show what is printed"
	(VERBOSE=0 progress label "$RUN/log" 1 echo "what it prints") >"$RUN/said"
	! grep -q "what it prints" "$RUN/said" || fail "without V=1 it is shown, too"

	# A QEMU that knows PKS by its name, or not at all.
	refuses "(5.2.0) does not emulate PKS" quietly old_qemu

	# No network: apt knows the package.
	refuses "apt knows linux-image-6.1.0-9-cloud-amd64 and cannot download it" quietly no_network
	refuses "apt knows none of" quietly no_package
}

# quietly COMMAND...: in a shell of its own, its words on stderr.
quietly() { (unset IN_STEP; "$@" 2>&1) >&2; }

old_qemu() {
	qemu-system-x86_64() {
		[ "$1" != --version ] || { echo "QEMU emulator version 5.2.0 (Debian 1:5.2)"; return; }
		echo "qemu-system-x86_64: TCG doesn't support requested features"
		return 1
	}
	# shellcheck disable=SC2034 # for messages
	LOG_DIR=$RUN
	use_arch x86_64
	arch_prepare
}

no_network() {
	apt-cache() { echo "  Depends: linux-image-6.1.0-9-cloud-amd64"; }
	apt-get() { return 100; }
	vm_download "$RUN"
}

no_package() {
	apt-cache() { return 100; }
	vm_download "$RUN"
}

# make run and make bench on consoles that are given.
test_reports() {
	local RUN=$RUN/reports CONSOLE csv
	mkdir -p "$RUN/log"
	LOG_DIR=$RUN/log
	use_arch um
	given_arch
	# An attack that goes through, or is not there: why it failed is the last line.
	given_console() { printf '%s\n' "result: the secret was read" "kpkeys-guest: demo exit 1"; }
	arch_has_pkeys() { true; }
	! (unset IN_STEP; cmd_run) >"$RUN/said" 2>&1 || fail "make run: the attack went through, and nobody says so"
	[[ $(tail -n 1 "$RUN/said") == *"did not end as it should"* ]] || fail "make run ends with: $(tail -n 1 "$RUN/said")"
	arch_has_pkeys() { false; }
	! (unset IN_STEP; cmd_run) >"$RUN/said" 2>&1 || fail "make run: there are no protection keys, and nobody says so"
	[[ $(tail -n 1 "$RUN/said") == *"kpkeys is disabled here"* ]] || fail "make run ends with: $(tail -n 1 "$RUN/said")"

	given_console() {
		printf 'bench: fork ns=%s writes=2 keys=0\n' "$1"
		echo "kpkeys-guest: bench exit 0"
	}
	cmd_bench >"$RUN/said" 2>&1 || fail "make bench: $(tail -n 1 "$RUN/said")"
	csv=$(find "$LOG_DIR" -name '*.csv')
	grep -qF "$csv" "$RUN/said" || fail "make bench does not say where its table is"
	python3 -c '
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
fork = [row for row in rows if row["operation"] == "fork"]
assert len(rows) == 2 and len(fork) == 1, rows
fork = fork[0]
assert (fork["off"], fork["on"], fork["ratio"]) == ("100", "150", "1.5000"), fork
assert (fork["register_writes"], fork["pkey_changes"], fork["arch"]) == ("2", "0", "um"), fork
assert fork["kernel"] == "7.3.4-given" and fork["commit"] and fork["host"] and fork["qemu"], fork
' "$csv" 2>"$RUN/why-csv" || fail "the table is wrong: $(tail -n 1 "$RUN/why-csv")"
}

given_arch() {
	prepare() { :; }
	build_image() { IMAGE=$RUN; }
	arch_in_vm() { false; }
	arch_describe() { :; }
	boot() {
		local n=100
		[[ $4 == *kpkeys=off* ]] || n=150
		CONSOLE=$LOG_DIR/x-$1.log
		{
			echo "Linux version 7.3.4-given"
			echo "boot_ms: $n.0"
			echo "kpkeys-guest: demo begin"
			echo "kpkeys-guest: bench begin"
			given_console "$n"
		} >"$CONSOLE"
	}
}

# A terminal that is closed takes the kernel with it; its size is told.
test_shell() {
	local TOOL_TOP out=$RUN/shell-out
	claim_clone shell
	{
		sed '$d' "$TOP/tools/kpkeys"
		cat <<-END
		prepare() { RUN=$RUN; }
		use_arch um
		build_image() { IMAGE=$RUN; }
		arch_boot() { echo "params: \$3" >$out; python3 -c 'import time; time.sleep(1000)'; }
		cmd_shell
		END
	} >"$TOOL_TOP/tools/shell"
	python3 - "$TOOL_TOP/tools/shell" "$out" <<-'END' || fail "a terminal is closed, and the kernel goes on"
	import fcntl, os, pty, struct, sys, termios, time
	script, out = sys.argv[1:]
	pid, fd = pty.fork()
	if pid == 0:
	    # As make does: the leader of the session waits and does nothing else.
	    import signal, subprocess
	    signal.signal(signal.SIGHUP, signal.SIG_IGN)
	    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 132, 0, 0))
	    env = dict(os.environ, KPKEYS_HOST='native')
	    sys.exit(subprocess.call(['bash', script], env=env, restore_signals=True))
	for _ in range(300):
	    time.sleep(0.1)
	    if os.path.exists(out):
	        break
	time.sleep(0.5)
	os.close(fd)
	for _ in range(300):
	    time.sleep(0.1)
	    if os.waitpid(pid, os.WNOHANG)[0]:
	        sys.exit(0)
	os.kill(pid, 9)
	sys.exit(1)
	END
	grep -q 'kpkeys.size=40x132 ' "$out" || fail "the size of the terminal is not told: $(cat "$out")"
}

# What is made of the results of the attack corpus.
test_judge_attacks() {
	local ARCH=um state case want got
	KNOWN_TO_WIN=$RUN/known
	printf '%s\n' "um known: words" "arm64 fine: words" >"$KNOWN_TO_WIN"
	while read -r state case want; do
		printf '%s\n' "known won nothing ok 0: words" "${case//_/ }: words" >"$RUN/attacks-$state"
		got=$(judge_attacks "$state" <"$RUN/attacks-$state" | tail -n 1)
		[[ $got == $want* ]] || fail "$state: ${case//_/ }: \"$got\", not \"$want\""
	done <<-'END'
	off fine_won_nothing_ok_0 ok fine
	off fine_stopped_oops_ok_0 not ok fine: stopped
	off fine_not-possible_nothing_ok_0 skip fine
	off fine_died_nothing_broken_0 not ok fine: died
	on fine_stopped_kpkeys_ok_0 ok fine
	on fine_stopped_oops_ok_0 ok fine
	on fine_stopped_nothing_ok_0 not ok fine: is stopped without a report
	on fine_stopped_kpkeys_broken_0 not ok fine: is stopped (words), and then
	on fine_stopped_kpkeys_ok_1 not ok fine: is stopped (words), and the audit
	on fine_won_kpkeys_ok_0 not ok fine: won
	on fine_hung_kpkeys_ok_0 not ok fine: hung
	on fine_died_nothing_broken_0 not ok fine: died
	on fine_failed_nothing_ok_0 not ok fine: failed
	on fine_not-possible_nothing_ok_0 skip fine
	on known_won_nothing_ok_0 skip known # KNOWN TO WIN
	on known_stopped_kpkeys_ok_0 not ok known: is stopped; take it out
	on known_hung_kpkeys_ok_0 not ok known: hung
	END
	echo "fine won nothing ok 0: words" >"$RUN/attacks-on"
	judge_attacks on <"$RUN/attacks-on" | grep -q '^not ok known: .* there is no such attack' ||
		fail "a line for no attack is not noticed"
	KNOWN_TO_WIN=

	# A line that printk() has cut, and says again.
	CONSOLE=$RUN/cut
	printf 'attack: result %s\n' "a won nothing ok 0: words" "b stopped kp" "b stopped kpkeys ok 0: wor" \
		"b stopped kpkeys ok 0: words" >"$CONSOLE"
	[ "$(attack_results | paste -sd,)" = "a won nothing ok 0: words,b stopped kpkeys ok 0: words" ] ||
		fail "a line that has been cut is taken for a result: $(attack_results)"
}

selftest_steps() {
	step "bad input" test_bad_input
	step "messages" test_messages
	step "the cache" test_cache
	step "a checkout that is read-only, a user who is not root" test_read_only
	step "time limits" test_time_limits
	step "make run, make bench: reports" test_reports
	step "make shell: a terminal that goes away" test_shell
	step "hooks land where they belong" test_hooks
	step "each new file belongs to a patch" test_claims
	step "make apply" test_apply
	step "make apply, stopped in the middle" test_apply_undone
	step "what is for tests only" test_testing
	step "make series" test_series_mails
	step "make tree, make refresh" test_refresh
	step "make test-mutants has what fits" test_mutants_fit
	step "results of attacks" test_judge_attacks
}

# make test-harness: these steps alone.
cmd_test_harness() {
	cache_init
	need build test
	lock
	sync_tree
	unlock
	step "shell scripts" test_shellcheck
	step "checkpatch" test_checkpatch
	selftest_steps
	say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" = 0 ]
}
