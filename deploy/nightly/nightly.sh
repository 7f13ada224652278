#!/bin/sh
# Converts what is new in RESULTS into the dataset LAKE, and makes its tables known to
# Glue and Athena in DATABASE, if that is set. LOCATION is where Athena finds the dataset,
# if not at LAKE. Prints nothing if both end with 0.
#
# Ends with the exit code of convert, or of register if that failed. 3 and 4 mean that all
# is done, and that lines or sources were left out.
set -u

# quietly COMMAND...: shows what it printed only if its exit code isn't 0.
quietly() {
	printed=$("$@" 2>&1)
	code=$?
	[ $code -eq 0 ] || printf '%s\n' "$printed" >&2
	return $code
}

quietly macielake convert "$RESULTS" --out "$LAKE"
converted=$?
case $converted in
0 | 3 | 4) ;;
*) exit $converted ;;
esac

if [ -n "${DATABASE:-}" ]; then
	quietly macielake register "$LAKE" --location "${LOCATION:-$LAKE}" --database "$DATABASE" || exit
fi
exit $converted
