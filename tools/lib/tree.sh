# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Overlay and patches: staged, put into a tree, brought back from one.

# Scratch copies must be ours to write and remove, also where the checkout is read-only.
copy_file() { (cd "$1" && cp --parents --no-preserve=mode,ownership "$2" "$3" && { [ ! -x "$2" ] || chmod +x "$3/$2"; }); }

# overlay_files [DIR]
overlay_files() {
	local dir=${1:-$OVERLAY_DIR}
	[ ! -d "$dir" ] || (cd "$dir" && find . -type f -printf '%P\n' | sort)
}

patches() { [ ! -f "$PATCH_DIR/series" ] || sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$PATCH_DIR/series"; }

patch_paths() { patches | sed "s,^,$PATCH_DIR/,"; }

# What attacks, benchmarks and breaks the kernel on purpose has patches of its own.
testing_patches() { find "$TESTING_DIR/patches" -name '*.patch' 2>/dev/null | sort; }

# patched_files PATCH...: the files that the patches touch.
patched_files() { [ $# = 0 ] || sed -nE '/^(---|\+\+\+) \/dev\/null/d; s,^(---|\+\+\+) [ab]/([^[:space:]]+).*,\2,p' "$@" | sort -u; }

# patch_overlay PATCH: the overlay files of its commit, which its header's "Overlay:" lines name.
patch_overlay() { sed -n '/^---$/q; /^diff /q; s/^Overlay:[[:space:]]*//p' "$1"; }

# Without our rule about places, for patches that are not ours on files that are known.
apply_patch() { patch -d "$2" -p1 -F0 -s --no-backup-if-mismatch -i "$1" >>"$RUN/patch.log" 2>&1; }

# apply_strictly BASE DIR PATCH...: see tools/apply-patches; dies, and says why.
apply_strictly() {
	local base=$1
	"$TOP/tools/apply-patches" "$@" 2>"$RUN/patch.log" ||
		die "does not apply to $base: $(reason "$RUN/patch.log"); nothing was changed"
}

# copy_touched BASE DIR: BASE's version of every file that the patches touch.
copy_touched() {
	local file list
	mapfile -t list < <(patch_paths; testing_patches)
	patched_files ${list[@]+"${list[@]}"} | while read -r file; do
		[ ! -f "$1/$file" ] || copy_file "$1" "$file" "$2"
	done
}

# check_claims: every file of the overlay belongs to one patch, which names it.
check_claims() {
	local name file
	while read -r name; do
		[ -f "$PATCH_DIR/$name" ] || die "linux/patches-$KERNEL_SERIES/series names $name, which is not there"
		patch_overlay "$PATCH_DIR/$name" | sed "s,^,$name ,"
	done < <(patches) >"$RUN/claims"
	while read -r name file; do
		[ -f "$OVERLAY_DIR/$file" ] || die "$name claims $file, which is no file of linux/overlay"
	done <"$RUN/claims"
	file=$(cut -d' ' -f2- "$RUN/claims" | sort | uniq -d | head -n 1)
	[ -z "$file" ] || die "more than one patch claims linux/overlay/$file"
	file=$(overlay_files | grep -vxF -f <(cut -d' ' -f2- "$RUN/claims") | head -n 1 || :)
	[ -z "$file" ] || die "no patch claims linux/overlay/$file"
}

# stage_overlay OVERLAY BASE DIR
stage_overlay() {
	local file
	while read -r file; do
		[ ! -e "$2/$file" ] || die "$2 already has $file; nothing was changed"
		[ ! -e "$3/$file" ] || die "$file is in the overlay and in a patch"
		copy_file "$1" "$file" "$3"
	done < <(overlay_files "$1")
}

# stage BASE DIR [testing]: everything that kpkeys changes or adds in BASE, complete, in the empty
# DIR; with what is for tests only, if it is asked for.
stage() {
	local base=$1 dir=$2 list
	[ ! -e "$base/include/linux/kpkeys.h" ] || die "kpkeys is already in $base; nothing was changed"
	check_claims
	mapfile -t list < <(patch_paths)
	apply_strictly "$base" "$dir" "${list[@]}"
	stage_overlay "$OVERLAY_DIR" "$base" "$dir"
	[ "${3:-}" = testing ] || return 0
	mapfile -t list < <(testing_patches)
	apply_strictly "$base" "$dir" "${list[@]}"
	stage_overlay "$TESTING_DIR/overlay" "$base" "$dir"
}

# new_files: those of the tree that is built that the base does not have.
new_files() {
	local file
	while read -r file; do
		[ -e "$BASE/$file" ] || echo "$file"
	done <"$BUILD/files"
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

# build_folder [SUFFIX]: sets BASE, BUILD and TREE, the copy of BASE that is built.
build_folder() {
	find_source
	BUILD=$KPKEYS_CACHE/build/$(basename "$BASE")${1:-}
	[ -z "${LINUX:-}" ] || BUILD=$BUILD-$(sha256sum <<<"$BASE" | cut -c1-8)
	TREE=$BUILD/tree
}

# fill_tree STAGED: makes TREE that copy, with the files of STAGED.
fill_tree() {
	mkdir -p "$BUILD"
	if [ -n "${LINUX:-}" ]; then
		copy_user_tree "$BUILD"
	elif [ ! -d "$TREE" ]; then
		rm -rf "$TREE.new"
		cp -al "$BASE" "$TREE.new" && mv -T "$TREE.new" "$TREE"
	fi
	touch "$BUILD/files"
	put_staged "$BASE" "$1" "$TREE" "$BUILD/files"
}

# sync_tree [PATCH...]: brings TREE up to date, tests and these patches included. Call it with the
# lock held.
sync_tree() {
	local staged=$RUN/staged
	build_folder
	rm -rf "$staged" && mkdir "$staged"
	stage "$BASE" "$staged" testing
	[ $# = 0 ] || apply_strictly "$BASE" "$staged" "$@"
	fill_tree "$staged"
}

# A tree of the user's may change between two runs; what was built in it stays there.
copy_user_tree() {
	touch "$1/files"
	sed 's,^,/,' "$1/files" >"$RUN/exclude"
	rsync -a --delete --chmod=u+rwX --exclude-from="$RUN/exclude" --exclude=/.git --exclude=/.config \
		--exclude=/include/config --exclude=/include/generated --exclude='/arch/*/include/generated' \
		--exclude='*.o' --exclude='*.a' --exclude='.*.cmd' --exclude=/vmlinux "$BASE/" "$TREE/"
}

# ---- a user's own tree

cmd_apply() {
	local staged rc=0
	[ -n "${LINUX:-}" ] || die "type: make apply LINUX=DIR (DIR: the Linux $KERNEL_SERIES tree to put kpkeys into)"
	check_tree "$LINUX"
	cache_init
	need apply
	staged=$RUN/staged
	mkdir "$staged"
	stage "$LINUX" "$staged"
	"$TOP/tools/install-files" "$staged" "$LINUX" 2>"$RUN/install.log" || rc=$?
	[ "$rc" != 2 ] || die "cannot write to $LINUX, and it is not as it was: $(reason "$RUN/install.log")"
	[ "$rc" = 0 ] || die "cannot write to $LINUX ($(reason "$RUN/install.log")); nothing was changed"
	say "kpkeys is in $LINUX: $(patches | wc -l) patches, $(overlay_files | wc -l) new files."
	say "Set CONFIG_KPKEYS_HARDENED_PGTABLES=y and build; see Documentation/core-api/kpkeys.rst there."
}

# ---- as commits

# user_config KEY: what the user has told git, also where the checkout is somebody else's.
user_config() { git config "$1" 2>/dev/null || git -C / config "$1" || :; }

# git in REPO, with an identity when the user has none, and none of their hooks and settings.
repo_git() {
	local name address
	name=$(user_config user.name)
	address=$(user_config user.email)
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -C "$REPO" \
		-c user.name="${name:-kpkeys}" -c user.email="${address:-kpkeys@localhost}" \
		-c commit.gpgsign=false -c gc.auto=0 -c core.hooksPath=/dev/null -c core.excludesFile=/dev/null \
		-c core.autocrlf=false -c core.quotePath=false -c safe.directory='*' "$@"
}

# The base's .gitignore may hide every file that is new (Debian's ends in "/*"); ours does not.
repo_base() {
	git -C "$REPO" init -q -b kpkeys
	[ ! -f "$REPO/.gitignore" ] || {
		sed '/^\/\*$/d' "$REPO/.gitignore" >"$RUN/gitignore" &&
			cp --remove-destination "$RUN/gitignore" "$REPO/.gitignore"
	} || return
	repo_git add -Af || return
	repo_git commit -q -m "base: Linux $(tree_version "$BASE")" || return
	repo_git tag base
}

# patch_message PATCH: the message of its commit.
patch_message() {
	awk '
		/^---$/ || /^diff --git / { exit }
		body { if (!/^Overlay:/) print; next }
		/^$/ { print subject; print ""; body = 1; next }
		/^Subject: / { subject = $0; sub(/^Subject: (\[PATCH\] )?/, "", subject); folded = 1; next }
		/^[ \t]/ { if (folded) { sub(/^[ \t]+/, " "); subject = subject $0 }; next }
		{ folded = 0 }
		END { if (!body) print subject }
	' "$1"
}

# patch_author PATCH: "Name <address>", where that is not whoever runs this.
patch_author() { sed -n '/^$/q; s/^From: //p' "$1"; }

# commit_all: one commit a patch, with its overlay files, on top of the base in REPO.
commit_all() {
	local name file author touched
	check_claims
	while read -r name; do
		apply_strictly "$REPO" "$REPO" "$PATCH_DIR/$name"
		mapfile -t touched < <(patched_files "$PATCH_DIR/$name"; patch_overlay "$PATCH_DIR/$name")
		while read -r file; do
			[ ! -e "$REPO/$file" ] || die "$REPO already has $file, which $name claims"
			copy_file "$OVERLAY_DIR" "$file" "$REPO"
		done < <(patch_overlay "$PATCH_DIR/$name")
		repo_git add -Af -- "${touched[@]}"
		author=$(patch_author "$PATCH_DIR/$name")
		patch_message "$PATCH_DIR/$name" >"$RUN/message"
		repo_git commit -q -F "$RUN/message" ${author:+"--author=$author"} ||
			die "$name cannot be committed in $REPO"
	done < <(patches)
}

# make tree: base, and each patch as a commit with its overlay files, to develop in.
cmd_tree() {
	local final=${DIR:-$TOP/tree}
	[ ! -e "$final" ] || die "$final is there already; remove it, or name another with DIR="
	[ -w "$(dirname "$final")" ] || die "cannot write to $(dirname "$final"); name another place with DIR="
	judge_sources
	cache_init
	need source git
	lock
	find_source
	need_space 3500 "$(dirname "$final")"
	stage_check
	REPO=$RUN/tree
	progress "copying Linux $(tree_version "$BASE")" "$LOG_DIR/tree.log" 0 cp -a "$BASE" "$REPO" ||
		die "cannot copy: $(reason "$LOG_DIR/tree.log")"
	unlock
	rm -rf "$REPO/.git"
	progress "committing the base" "$LOG_DIR/tree.log" 0 repo_base ||
		die "cannot commit: $(reason "$LOG_DIR/tree.log")"
	commit_all
	# What a rebase there needs.
	[ -n "$(user_config user.email)" ] ||
		{ git -C "$REPO" config user.name kpkeys; git -C "$REPO" config user.email kpkeys@localhost; }
	mv -T "$REPO" "$final" || die "cannot write to $final"
	cat <<-END
	$final: $(git -C "$final" rev-list --count base..) commits on the tag "base". Change a commit with git commit --fixup=COMMIT and
	git rebase -i --autosquash base; then: make refresh${DIR:+ DIR=$DIR}
	END
}

# A whole stage as a check, before anything slow.
stage_check() { mkdir "$RUN/check" && stage "$BASE" "$RUN/check"; }

# ---- back from commits

# check_commits: whether the commits of REPO can become patches.
check_commits() {
	local commit subject other
	[ ! -e "$(git -C "$REPO" rev-parse --path-format=absolute --git-path rebase-merge)" ] ||
		die "$REPO: a rebase is under way; finish it"
	repo_git merge-base --is-ancestor base HEAD || die "$REPO: HEAD does not descend from the tag \"base\""
	repo_git status --porcelain --untracked-files=all >"$RUN/status" || die "$REPO: git status fails"
	[ ! -s "$RUN/status" ] ||
		die "$REPO: not committed: $(head -n 3 "$RUN/status" | cut -c4- | paste -sd' '); commit it, or remove it"
	while read -r commit other subject; do
		[ "$other" = 1 ] || die "$REPO: ${commit:0:12} is a merge; rebase it"
		case $subject in
		'fixup!'* | 'squash!'* | 'amend!'*)
			die "$REPO: \"$subject\" is not squashed yet; type: git rebase -i --autosquash base" ;;
		esac
		! repo_git log -1 --format=%b "$commit" | grep -qE '^(---|diff |Index: |Overlay:)' ||
			die "$REPO: the message of \"$subject\" has a line that looks like the beginning of a patch"
	done < <(repo_git log --reverse --format='%H %P|%s' base..HEAD |
		awk -F'|' '{ n = split($1, p, " ") - 1; sub(/^[^|]*\|/, ""); print p[1], n, $0 }')
}

# export_commit COMMIT NUMBER DIR: as a patch, and its overlay files as claims. ${SINGLE[FILE]} is set for
# those files that go to the overlay.
export_commit() {
	local commit=$1 name author file mail in_patch=() in_overlay=()
	name=$(printf '%04d-%s' "$2" "$(repo_git log -1 --format=%f "$commit")")
	# As long as git format-patch makes it.
	name=${name:0:57}.patch
	while read -r file; do
		if [ -n "${SINGLE[$file]:-}" ]; then in_overlay+=("$file"); else in_patch+=("$file"); fi
	done < <(repo_git diff-tree -r --no-renames --no-commit-id --name-only "$commit")
	[ $((${#in_patch[@]} + ${#in_overlay[@]})) != 0 ] || die "$REPO: ${commit:0:12} changes nothing"
	author=$(repo_git log -1 --format='%an <%ae>' "$commit")
	mail=$(repo_git config user.email)
	{
		# Whoever sends the mails is the author, and signs off, unless somebody else did.
		[[ $author == *@localhost\> || $author == *"<$mail>" ]] || printf 'From: %s\n' "$author"
		repo_git log -1 --format='Subject: [PATCH] %s' "$commit"
		repo_git log -1 --format=%b "$commit" |
			awk -v mail="<$mail>" '
				/^Signed-off-by: / && (/@localhost>/ || index($0, mail)) { next }
				/^$/ { empty++; next }
				{ for (i = printed ? empty : 1; i > 0; i--) print ""; empty = 0; printed = 1; print }' >"$RUN/body"
		cat "$RUN/body"
		# An empty line ends the header, whatever comes then.
		[ -s "$RUN/body" ] && [ ${#in_overlay[@]} = 0 ] || echo
		[ ${#in_overlay[@]} = 0 ] || printf 'Overlay: %s\n' "${in_overlay[@]}"
		echo "---"
		if [ ${#in_patch[@]} != 0 ]; then
			commit_diff "$commit" --stat=72 --summary -- "${in_patch[@]}"
			echo
			commit_diff "$commit" -p -U3 -- "${in_patch[@]}"
		fi
	} >"$3/patches/$name"
	echo "$name" >>"$3/patches/series"
}

# Nothing that a user can set changes how this looks.
commit_diff() {
	GIT_LITERAL_PATHSPECS=1 repo_git -c diff.indentHeuristic=true diff-tree -r --no-commit-id \
		--no-renames --full-index --no-color --no-ext-diff --no-textconv --diff-algorithm=myers \
		--src-prefix=a/ --dst-prefix=b/ "$@"
}

# export_files COMMIT DIR FILE...: these files as COMMIT has them.
export_files() {
	local commit=$1 dir=$2
	shift 2
	[ $# = 0 ] || GIT_LITERAL_PATHSPECS=1 repo_git archive "$commit" -- "$@" | tar -x -C "$dir"
}

# export_series DIR: base..HEAD of REPO as DIR/patches and DIR/overlay. A file that the base does not
# have and one commit alone touches goes to the overlay.
export_series() {
	local commit file n=0
	local -A SINGLE=()
	mkdir "$1/patches" "$1/overlay"
	repo_git log --format= --no-renames --name-only base..HEAD | sort | uniq -u >"$RUN/once"
	repo_git diff-tree -r --no-renames --diff-filter=A --name-only base HEAD | sort | comm -12 - "$RUN/once" >"$RUN/single"
	while read -r file; do
		SINGLE[$file]=1
	done <"$RUN/single"
	[ ! -f "$PATCH_DIR/cover" ] || cp "$PATCH_DIR/cover" "$1/patches/"
	export_files HEAD "$1/overlay" "${!SINGLE[@]}"
	while read -r commit; do
		n=$((n + 1))
		export_commit "$commit" "$n" "$1"
	done < <(repo_git rev-list --reverse base..HEAD)
	[ "$n" != 0 ] || die "$REPO has no commits on the tag \"base\""
}

# check_export DIR: what was exported gives HEAD again.
check_export() {
	local base=$RUN/refresh-base staged=$RUN/refresh-staged head=$RUN/refresh-head changed old
	mkdir "$base" "$staged" "$head"
	mapfile -t changed < <(repo_git diff-tree -r --no-renames --diff-filter=AM --name-only base HEAD)
	mapfile -t old < <(repo_git diff-tree -r --no-renames --diff-filter=M --name-only base HEAD)
	export_files base "$base" "${old[@]}"
	export_files HEAD "$head" "${changed[@]}"
	(
		OVERLAY_DIR=$1/overlay PATCH_DIR=$1/patches
		stage "$base" "$staged"
	)
	diff -rq "$head" "$staged" >"$RUN/lost" ||
		die "$REPO cannot be brought back ($(head -n 1 "$RUN/lost")); nothing was changed"
}

# differences LABEL OLD NEW
differences() {
	diff -rq "$2" "$3" | sed -E "s,^Files $2/(.*) and $3/.* differ\$,$1/\\1: changed,
		s,^Only in $2/?(.*): (.*),$1/\\1/\\2: removed,
		s,^Only in $3/?(.*): (.*),$1/\\1/\\2: added,
		s,//,/,g"
}

# swap_series DIR: what was exported takes the place of what was there.
swap_series() {
	trap '' INT TERM HUP
	mv "$OVERLAY_DIR" "$1/old-overlay" || return
	mv "$PATCH_DIR" "$1/old-patches" || { mv "$1/old-overlay" "$OVERLAY_DIR"; return 1; }
	mv "$1/overlay" "$OVERLAY_DIR" && mv "$1/patches" "$PATCH_DIR"
}

# make refresh: the commits of the tree of `make tree` become patches and overlay again.
cmd_refresh() {
	local old
	REPO=${DIR:-$TOP/tree}
	git -C "$REPO" rev-parse -q --verify 'base^{commit}' >/dev/null 2>&1 || die "$REPO is not a tree made by \`make tree\`"
	cache_init
	need git apply
	check_commits
	SCRATCH=$(mktemp -d "$TOP/linux/.refresh.XXXXXX" 2>/dev/null) || die "cannot write to $TOP/linux; nothing was changed"
	export_series "$SCRATCH"
	check_export "$SCRATCH"
	{
		differences overlay "$OVERLAY_DIR" "$SCRATCH/overlay"
		differences "patches-$KERNEL_SERIES" "$PATCH_DIR" "$SCRATCH/patches"
	} >"$RUN/differences" || :
	swap_series "$SCRATCH" || { old=$SCRATCH SCRATCH=; die "cannot write to $TOP/linux; what was there is in $old"; }
	cat "$RUN/differences"
	say "overlay and patches are those of $REPO"
}

# ---- mails

# sender_check: mails have an author whom others can reach.
sender_check() {
	local name address
	name=$(user_config user.name)
	address=$(user_config user.email)
	[ -n "$name" ] && [ -n "$address" ] ||
		die "the mails need an author; type: git config --global user.name NAME; git config --global user.email ADDRESS"
	[[ $address == *?@*?.* && $address != *@localhost* && $address != *.localdomain ]] ||
		die "the mails need an author whom others can reach, not $name <$address>; see git config user.email"
}

# linux_commit: the commit of LINUX, if that is a git tree whose files, those that the series touches, are those of that commit.
linux_commit() {
	local list
	mapfile -t list < <(patch_paths)
	mapfile -t list < <(patched_files "${list[@]}" | while read -r file; do [ ! -e "$BASE/$file" ] || echo "$file"; done)
	[ "$(git -C "$BASE" rev-parse --show-toplevel 2>/dev/null)" = "$(realpath "$BASE")" ] &&
		git -C "$BASE" diff --quiet HEAD -- "${list[@]}" 2>/dev/null && git -C "$BASE" rev-parse HEAD
}

# cover_letter: the description of the branch, from which git makes the cover letter: a line, an empty
# line, and the rest.
cover_letter() {
	if [ -s "$PATCH_DIR/cover" ]; then
		cat "$PATCH_DIR/cover"
	else
		err "linux/patches-$KERNEL_SERIES/cover is not there: the cover letter waits for your words"
		printf '*** SUBJECT HERE ***\n\n*** BLURB HERE ***\n'
	fi
	printf '\nBased on Linux %s.\n' "$(tree_version "$BASE")"
}

# unfold: a mail with each header on a line of its own, as some versions of b4 need it.
unfold() {
	awk '
		!body && /^[ \t]/ { sub(/^[ \t]+/, " "); printf "%s", $0; next }
		!body && NR > 1 { print "" }
		/^$/ { body = 1 }
		!body { printf "%s", $0; next }
		{ print }'
}

# make series: mails for git send-email and b4.
cmd_series() {
	local out=${OUT:-$TOP/series} version=${VERSION:-} commit cover mail
	[[ -z $version || $version =~ ^[1-9][0-9]*$ ]] || die "VERSION=$version: it is a number, 2 for \"[PATCH v2]\""
	[ -z "$(ls -A "$out" 2>/dev/null)" ] || die "$out is not empty; remove it, or name another with OUT="
	mkdir -p "$out" 2>/dev/null && [ -w "$out" ] || die "cannot write to $out; name another place with OUT="
	judge_sources
	sender_check
	cache_init
	need source git
	lock
	find_source
	unlock
	stage_check
	REPO=$RUN/series-repo
	mkdir "$REPO"
	copy_touched "$BASE" "$REPO"
	[ ! -f "$BASE/.gitattributes" ] || copy_file "$BASE" .gitattributes "$REPO"
	repo_base
	commit_all
	repo_git config branch.kpkeys.description "$(cover_letter)"
	repo_git -c format.signOff=true -c format.from=true \
		format-patch -q -N --no-signature --zero-commit --no-renames --abbrev=12 --cover-letter -n \
		--cover-from-description=subject --subject-prefix=PATCH ${version:+-v "$version"} \
		-o "$(realpath "$out")" base || die "git format-patch fails"
	find "$out" -name '*.patch' | while read -r mail; do
		unfold <"$mail" >"$RUN/mail" && cp "$RUN/mail" "$mail"
	done
	cover=$(find "$out" -name '*0000-*.patch')
	! commit=$(linux_commit) || printf '\nbase-commit: %s\n' "$commit" >>"$cover"
	say "$out: $(find "$out" -name '*.patch' | wc -l) mails on Linux $(tree_version "$BASE")${commit:+ ($commit)}"
}
