# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Overlay and patches: staged, put into a tree, brought back from one.

overlay_files() { (cd "$OVERLAY_DIR" && find . -type f -printf '%P\n' | sort); }

patches() { [ ! -f "$PATCH_DIR/series" ] || sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$PATCH_DIR/series"; }

# patched_files PATCH...: the files that the patches touch.
patched_files() { [ $# = 0 ] || sed -nE 's,^(---|\+\+\+) [ab]/([^[:space:]]+).*,\2,p' "$@" | sort -u; }

# A patch may claim overlay files for its commit: those named in its header's "Overlay:" lines (a file, or a folder).
patch_overlay() { sed -n '/^---$/q; /^diff /q; s/^Overlay:[[:space:]]*//p' "$1"; }

apply_patch() { patch -d "$2" -p1 -F0 -s --no-backup-if-mismatch -i "$1" >>"$RUN/patch.log" 2>&1; }

# copy_touched BASE DIR: BASE's version of every file that the patches touch.
copy_touched() {
	local file list
	mapfile -t list < <(patches | sed "s,^,$PATCH_DIR/,")
	patched_files ${list[@]+"${list[@]}"} | while read -r file; do
		[ ! -f "$1/$file" ] || (cd "$1" && cp --parents "$file" "$2")
	done
}

# stage BASE DIR: everything that kpkeys changes or adds in BASE, complete, in the empty DIR.
stage() {
	local base=$1 dir=$2 name file
	copy_touched "$base" "$dir"
	: >"$RUN/patch.log"
	while read -r name; do
		[ -f "$PATCH_DIR/$name" ] || die "linux/patches-$KERNEL_SERIES/series names $name, which is not there"
		apply_patch "$PATCH_DIR/$name" "$dir" ||
			die "$name does not apply to $base ($(grep -m1 -E 'FAILED|No file|ignored|malformed|Reversed' "$RUN/patch.log")); nothing was changed"
	done < <(patches)
	while read -r file; do
		[ ! -e "$base/$file" ] || die "$base already has $file; nothing was changed"
		[ ! -e "$dir/$file" ] || die "$file is in the overlay and in a patch"
		(cd "$OVERLAY_DIR" && cp --parents "$file" "$dir")
	done < <(overlay_files)
}

# put_if_changed FROM TO: an unchanged file keeps its date, so that make leaves it alone. TO may
# be a hard link into the pristine source, so it is replaced, never written.
put_if_changed() {
	cmp -s "$1" "$2" || { mkdir -p "${2%/*}" && cp --remove-destination "$1" "$2"; }
}

# put_staged BASE STAGED TREE LIST: makes TREE, a copy of BASE, BASE with the files of STAGED. LIST is
# where it notes which files of TREE are not those of BASE.
put_staged() {
	local base=$1 staged=$2 tree=$3 list=$4 file
	(cd "$staged" && find . -type f -printf '%P\n' | sort) >"$list.new"
	while read -r file; do
		if [ -f "$base/$file" ]; then
			put_if_changed "$base/$file" "$tree/$file"
		else
			rm -f "$tree/$file"
		fi
	done < <(comm -23 "$list" "$list.new")
	# From here on TREE may hold the old files and the new ones: both are listed.
	sort -u -o "$list" "$list" "$list.new"
	while read -r file; do
		put_if_changed "$staged/$file" "$tree/$file"
	done <"$list.new"
	mv "$list.new" "$list"
}

# sync_tree: sets TREE, the patched copy of BASE that is built. Call it with the lock held.
sync_tree() {
	local staged=$RUN/staged work
	find_source
	work=$KPKEYS_CACHE/build/$(basename "$BASE")
	[ -z "${LINUX:-}" ] || work=$work-$(sha256sum <<<"$BASE" | cut -c1-8)
	TREE=$work/tree
	BUILD=$work
	rm -rf "$staged" && mkdir "$staged"
	stage "$BASE" "$staged"
	mkdir -p "$work"
	if [ -n "${LINUX:-}" ]; then
		copy_user_tree "$work"
	elif [ ! -d "$TREE" ]; then
		rm -rf "$TREE.new"
		cp -al "$BASE" "$TREE.new" && mv -T "$TREE.new" "$TREE"
	fi
	touch "$work/files"
	put_staged "$BASE" "$staged" "$TREE" "$work/files"
}

# A tree of the user's may change between two runs; what was built in it stays there.
copy_user_tree() {
	touch "$1/files"
	sed 's,^,/,' "$1/files" >"$RUN/exclude"
	rsync -a --delete --exclude-from="$RUN/exclude" --exclude=/.git --exclude=/.config \
		--exclude=/include/config --exclude=/include/generated --exclude='/arch/*/include/generated' \
		--exclude='*.o' --exclude='*.a' --exclude='.*.cmd' --exclude=/vmlinux "$BASE/" "$TREE/"
}

# ---- a user's own tree

cmd_apply() {
	local staged file
	[ -n "${LINUX:-}" ] || die "type: make apply LINUX=DIR (DIR: the Linux $KERNEL_SERIES tree to put kpkeys into)"
	check_tree "$LINUX"
	cache_init
	staged=$RUN/staged
	mkdir "$staged"
	stage "$LINUX" "$staged"
	(cd "$staged" && find . -type f -printf '%P\n') | while read -r file; do
		put_if_changed "$staged/$file" "$LINUX/$file"
	done
	say "kpkeys is in $LINUX: $(patches | wc -l) patches, $(overlay_files | wc -l) new files."
	say "Set CONFIG_KPKEYS_HARDENED_PGTABLES=y and build; see Documentation/core-api/kpkeys.rst there."
}

# ---- as commits

# git in REPO, with an identity when the user has none and none of their hooks.
repo_git() {
	git -C "$REPO" -c user.name="$(git config user.name || echo kpkeys)" \
		-c user.email="$(git config user.email || echo kpkeys@localhost)" \
		-c commit.gpgsign=false -c gc.auto=0 -c core.hooksPath=/dev/null "$@"
}

repo_base() {
	git -C "$REPO" init -q -b kpkeys
	repo_git add -Af
	repo_git commit -q -m "base: Linux $(tree_version "$BASE")"
	repo_git tag base
}

# add_overlay: adds those overlay files, of the list on stdin, that REPO does not have yet.
add_overlay() {
	local file
	while read -r file; do
		[ ! -e "$REPO/$file" ] || continue
		(cd "$OVERLAY_DIR" && cp --parents "$file" "$REPO")
		repo_git add -f "$file"
	done
}

# commit_all: overlay and patches as commits on top of the base in REPO. First the overlay
# files that no patch claims, one commit a top-level folder; then each patch with its files.
commit_all() {
	local name top
	patches | while read -r name; do patch_overlay "$PATCH_DIR/$name"; done |
		sed 's,/*$,,' >"$RUN/claims"
	overlay_files | awk -v claims="$RUN/claims" '
		BEGIN { while ((getline line <claims) > 0) claim[line] }
		{
			for (c in claim)
				if ($0 == c || index($0, c "/") == 1)
					next
			print
		}' >"$RUN/unclaimed"
	for top in $(cut -d/ -f1 "$RUN/unclaimed" | uniq); do
		grep "^$top/" "$RUN/unclaimed" | add_overlay
		repo_git commit -q -m "kpkeys: new files in $top/"
	done
	while read -r name; do
		repo_git am -q --no-3way "$PATCH_DIR/$name" || die "git am $name failed in $REPO"
		patch_overlay "$PATCH_DIR/$name" | sed 's,/*$,,' | while read -r item; do
			overlay_files | awk -v c="$item" '$0 == c || index($0, c "/") == 1' | add_overlay
		done
		repo_git log -1 --format=%B | grep -v '^Overlay:' |
			repo_git commit -q --amend -F -
	done < <(patches)
}

# make tree: base, overlay and patches as a git history to develop in.
cmd_tree() {
	REPO=${DIR:-$TOP/tree}
	[ ! -e "$REPO" ] || die "$REPO is there already; remove it, or name another with DIR="
	cache_init
	need build
	lock
	find_source
	need_space 3500 "$(dirname "$REPO")"
	stage_check
	progress "copying Linux $(tree_version "$BASE")" "$LOG_DIR/tree.log" 0 cp -a "$BASE" "$RUN/tree" ||
		die "cannot copy: $(reason "$LOG_DIR/tree.log")"
	unlock
	rm -rf "$RUN/tree/.git"
	local final=$REPO
	REPO=$RUN/tree
	progress "committing the base" "$LOG_DIR/tree.log" 0 repo_base ||
		die "cannot commit: $(reason "$LOG_DIR/tree.log")"
	commit_all
	mv -T "$REPO" "$final"
	say "$final: base, then $(git -C "$final" rev-list --count base..) commits. Edit there, then: make refresh${DIR:+ DIR=$DIR}"
}

# A whole stage as a check, before anything slow.
stage_check() { mkdir "$RUN/check" && stage "$BASE" "$RUN/check"; }

# make refresh: what was changed in the tree of `make tree`, committed or not, becomes overlay
# (files that the base does not have) and patches (a change to a file of the base goes into the
# last patch that touches it, or into a new patch).
cmd_refresh() {
	local name file last new
	REPO=${DIR:-$TOP/tree}
	git -C "$REPO" rev-parse -q --verify base >/dev/null 2>&1 || die "$REPO is not a tree made by \`make tree\`"
	cache_init
	# The tree's state against its base, without touching its index.
	cp "$(git -C "$REPO" rev-parse --path-format=absolute --git-path index)" "$RUN/index"
	export GIT_INDEX_FILE=$RUN/index
	git -C "$REPO" add -A
	git -C "$REPO" diff --cached --name-status --no-renames base >"$RUN/status"
	unset GIT_INDEX_FILE

	awk '$1 == "A" { print $2 }' "$RUN/status" | sort >"$RUN/added"
	while read -r file; do
		mkdir -p "$OVERLAY_DIR/$(dirname "$file")"
		cmp -s "$REPO/$file" "$OVERLAY_DIR/$file" || { cp "$REPO/$file" "$OVERLAY_DIR/$file" && say "overlay/$file"; }
	done <"$RUN/added"
	overlay_files | comm -13 "$RUN/added" - | while read -r file; do
		rm "$OVERLAY_DIR/$file" && say "overlay/$file: removed"
	done

	# The patches, replayed on the files that matter; each is written anew if its result changed.
	mkdir "$RUN/replay"
	: >"$RUN/patch.log"
	{ awk '$1 != "A" { print $2 }' "$RUN/status"; patched_files "$PATCH_DIR"/*.patch; } | sort -u >"$RUN/files"
	while read -r file; do
		mkdir -p "$RUN/replay/$(dirname "$file")"
		git -C "$REPO" show "base:$file" >"$RUN/replay/$file"
	done <"$RUN/files"
	git -C "$RUN/replay" init -q
	git -C "$RUN/replay" add -Af
	mkdir -p "$PATCH_DIR"
	patches >"$RUN/series"
	cut -d' ' -f1 "$RUN/files" | while read -r file; do
		last=$(while read -r name; do
			! patched_files "$PATCH_DIR/$name" | grep -qxF "$file" || echo "$name"
		done <"$RUN/series" | tail -n 1)
		echo "${last:-NEW} $file"
	done >"$RUN/owners"
	while read -r name; do
		apply_patch "$PATCH_DIR/$name" "$RUN/replay" || die "$name does not apply to the base of $REPO"
		new=0
		while read -r file; do
			cmp -s "$REPO/$file" "$RUN/replay/$file" || { new=1; take "$file"; }
		done < <(sed -n "s,^$name ,,p" "$RUN/owners")
		[ "$new" = 0 ] || { write_patch "$PATCH_DIR/$name" && say "patches-$KERNEL_SERIES/$name"; }
		git -C "$RUN/replay" add -Af
	done <"$RUN/series"
	while read -r file; do
		cmp -s "$REPO/$file" "$RUN/replay/$file" && continue
		take "$file"
		name=$(printf '%04d-%s.patch' $(($(patches | wc -l) + 1)) "$(tr -c 'a-zA-Z0-9\n' - <<<"$file")")
		printf 'From: %s <%s>\nSubject: [PATCH] %s: FIXME say what and why\n\nFIXME\n' \
			"$(git config user.name || echo kpkeys)" "$(git config user.email || echo kpkeys@localhost)" \
			"${file%/*}" >"$PATCH_DIR/$name"
		write_patch "$PATCH_DIR/$name"
		echo "$name" >>"$PATCH_DIR/series"
		say "patches-$KERNEL_SERIES/$name: new; give it a subject and a message"
		git -C "$RUN/replay" add -Af
	done < <(sed -n 's,^NEW ,,p' "$RUN/owners")
	say "overlay and patches are those of $REPO"
}

# take FILE: the developer's version into the replay; a deleted file is deleted there.
take() {
	if [ -e "$REPO/$1" ]; then cp "$REPO/$1" "$RUN/replay/$1"; else rm -f "$RUN/replay/$1"; fi
}

# write_patch PATCH: its header as it was, and the replay's work tree against its index.
write_patch() {
	local header
	header=$(sed '/^---$/,$d; /^diff /,$d; /^--- /,$d' "$1")
	{
		printf '%s\n---\n' "$header"
		git -C "$RUN/replay" diff --stat=72 --summary
		echo
		git -C "$RUN/replay" diff -U1 --no-renames | sed '/^index [0-9a-f]*\.\./d'
	} >"$1.new"
	mv "$1.new" "$1"
}

# make series: mails for git send-email.
cmd_series() {
	local out=${OUT:-$TOP/series}
	[ -z "$(ls -A "$out" 2>/dev/null)" ] || die "$out is not empty; remove it, or name another with OUT="
	cache_init
	lock
	find_source
	unlock
	stage_check
	REPO=$RUN/series-repo
	mkdir "$REPO"
	copy_touched "$BASE" "$REPO"
	repo_base
	commit_all
	mkdir -p "$out"
	repo_git format-patch -q -N --no-signature --zero-commit --cover-letter \
		--subject-prefix="PATCH" -n -o "$(realpath "$out")" base
	say "$out: $(find "$out" -name '*.patch' | wc -l) mails on Linux $(tree_version "$BASE"); the cover letter waits for your words"
}
