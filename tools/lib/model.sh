# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# make test-model: the model of the register's life, checked by spin. See docs/model.md.

MODEL_DIR=$TOP/model

# model_check NAME "FLAGS OF SPIN" "FLAGS OF GCC" [ARG...]: builds and runs a checker; what it says stays in
# $RUN/model/NAME/said. False if it could not be built or did not come to an end.
model_check() {
	local dir=$RUN/model/$1 spin_flags cc_flags cache=()
	! command -v ccache >/dev/null || cache=(ccache)
	read -ra spin_flags <<<"$2"
	read -ra cc_flags <<<"$3"
	shift 3
	mkdir -p "$dir"
	(
		cd "$dir" || exit
		spin "${spin_flags[@]}" -a "$MODEL_DIR/register.pml" >said 2>&1 || exit
		# Without partial order reduction, which knows nothing of "provided".
		"${cache[@]}" gcc -w -DSAFETY -DNOREDUCE -DMEMLIM=2000 "${cc_flags[@]}" -c pan.c >said 2>&1 || exit
		gcc -o pan pan.o >said 2>&1 || exit
		timeout 300 ./pan -n "$@" >said 2>&1
	) && ! grep -qE 'max search depth too small|out of memory|Search not completed' "$dir/said"
}

# model_passes NAME FLAGS: there must be no error in any order.
model_passes() {
	local said=$RUN/model/$1/said
	# -O1: the compiler takes as long as the checker.
	if model_check "$1" "$2" "-O1 -DCOLLAPSE" -w22 -m200000 && grep -q 'errors: 0' "$said"; then
		echo "ok model.$1" >>"$RUN/model/cases"
		say "# $1: no error in $(sed -n 's/^ *\([0-9]*\) states, stored.*/\1 states/p' "$said")"
	else
		echo "not ok model.$1: $(grep -m1 -E '^pan:|rror|memory' "$said")" >>"$RUN/model/cases"
	fi
}

# model_fails NAME PROPERTY FLAGS: the shortest run that breaks something must break this property.
model_fails() {
	local said=$RUN/model/$1/said
	model_check "$1" "$3" "-O0 -DBFS" -w20 || :
	if grep -q "^pan:1: assertion violated ($2_" "$said"; then
		echo "ok model.$1.$2"
	else
		echo "not ok model.$1.$2: $(grep -m1 -E '^pan:1|errors: 0|rror|memory' "$said")"
	fi >>"$RUN/model/cases"
}

# model_writes_constants: property P2, by construction. Only variants use write_reg_from_memory().
model_writes_constants() {
	local code
	code=$(gcc -E -P -xc "$MODEL_DIR/register.pml" | sed '/^inline write_reg_from_memory/,/^}/d')
	if [ "$(grep -cE 'reg\[cpu\] = (true|false)' <<<"$code")" -gt 3 ] &&
		! grep -E 'reg\[[^]]*\] *=[^=]|write_reg_from_memory' <<<"$code" | grep -qvE 'reg\[cpu\] = (true|false)'; then
		echo "ok model.P2"
	else
		echo "not ok model.P2: something writes the register with what is no constant"
	fi >>"$RUN/model/cases"
}

test_model() {
	local variant property attacker levels what only attack
	mkdir -p "$RUN/model"
	: >"$RUN/model/cases"
	model_writes_constants
	model_passes no-attacker "-DATTACK=0 -DLEVELS=2"
	model_passes attacker "-DATTACK=1 -DLEVELS=2"
	while read -r variant property attacker levels what; do
		[[ -n $variant && $variant != \#* ]] || continue
		[ -n "$what" ] || fail "model/variants: $variant: a column is missing"
		# NAME:n looks at property n only: what comes after the first error.
		only=
		[[ $variant != *:* ]] || only=-DONLY=${variant#*:}
		attack=$([ "$attacker" = yes ] && echo 1 || echo 0)
		model_fails "$variant" "$property" "-D${variant%:*} $only -DATTACK=$attack -DLEVELS=$levels"
	done <"$MODEL_DIR/variants"
	cases "$RUN/model/cases" || fail "see above"
}

cmd_test_model() {
	cache_init
	need model
	step "model of the register's life" test_model
	say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	[ "$FAILED" = 0 ]
}
