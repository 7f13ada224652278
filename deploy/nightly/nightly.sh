#!/bin/sh
# Converts what is new in RESULTS into the dataset LAKE, and makes its tables known to
# Glue and Athena in DATABASE, if that is set. LOCATION is where Athena finds the dataset,
# if not at LAKE. Prints nothing unless something is to be done about it.
#
# Ends with the exit code of convert, or of register if that failed. 3 and 4 mean that all
# is done, and that lines or sources were left out.
set -u

# unless_done COMMAND...: what it printed is shown if its exit code isn't 0.
unless_done() {
	printed=$("$@" 2>&1)
	code=$?
	[ $code -eq 0 ] || printf '%s\n' "$printed" >&2
	return $code
}

unless_done macielake convert "$RESULTS" --out "$LAKE"
converted=$?
case $converted in
0 | 3 | 4) ;;
*) exit $converted ;;
esac

if [ -n "${DATABASE:-}" ]; then
	unless_done macielake register "$LAKE" --location "${LOCATION:-$LAKE}" --database "$DATABASE" || exit
fi
exit $converted
