#!/usr/bin/env bash
# Runs on a real account what nothing else can show: uploads a sample, registers
# it, has Athena run every view and query, and checks that all rows show. Costs a
# few cents. Needs the AWS CLI, credentials, and a bucket that may hold the sample
# and the query results.
# usage: bench/athena-smoke.sh s3://BUCKET/PREFIX [WORKGROUP]
#
# Leaves its database (macielake_smoke) and files where a step fails, to look at.
set -euo pipefail
cd "$(dirname "$0")/.."
place=${1:?usage: bench/athena-smoke.sh s3://BUCKET/PREFIX [WORKGROUP]}
place=${place%/}
workgroup=${2:-primary}
database=macielake_smoke
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# run STATEMENT: runs it and prints its execution's ID, or why it failed.
run() {
	local id state
	id=$(aws athena start-query-execution --work-group "$workgroup" --query-string "$1" \
		--query-execution-context "Database=$2" --result-configuration "OutputLocation=$place/query-results/" \
		--query QueryExecutionId --output text)
	while :; do
		state=$(aws athena get-query-execution --query-execution-id "$id" --query QueryExecution.Status.State --output text)
		case $state in
		SUCCEEDED)
			echo "$id"
			return
			;;
		FAILED | CANCELLED)
			aws athena get-query-execution --query-execution-id "$id" \
				--query QueryExecution.Status.StateChangeReason --output text >&2
			return 1
			;;
		esac
		sleep 1
	done
}

bytes() {
	aws athena get-query-execution --query-execution-id "$1" --query QueryExecution.Statistics.DataScannedInBytes --output text
}

make build
bin/macielake gen "$work/results" --size 20MB --seed 7
bin/macielake convert "$work/results" --out "$work/lake" -q
aws s3 sync "$work/lake" "$place/lake" --exclude '_macielake/*' --only-show-errors
register=(bin/macielake register "$work/lake" --location "$place/lake" --database "$database" --workgroup "$workgroup"
	--query-results "$place/query-results/")
"${register[@]}"
echo "== a second time: must change nothing"
again=$("${register[@]}")
if [[ -n $again ]]; then
	printf 'the second run made calls:\n%s\n' "$again" >&2
	exit 1
fi

failed=0
for view in current_results current_buckets current_detections current_findings current_states current_subjects sensitive_objects object_locations unanalyzed_objects \
	job_summary bucket_summary; do
	if id=$(run "SELECT count(*) FROM \"$database\".\"$view\"" "$database"); then
		echo "$view: $(bytes "$id") bytes scanned"
	else
		failed=1
		echo "$view FAILED" >&2
	fi
done
while read -r name _; do
	[[ $name == *: ]] && continue
	if id=$(run "$(bin/macielake queries "$work/lake" "$name" --database "$database")" "$database"); then
		echo "$name: $(bytes "$id") bytes scanned"
		if [[ $name == completeness ]]; then
			missing=$(aws athena get-query-results --query-execution-id "$id" \
				--query 'sum(ResultSet.Rows[1:].to_number(Data[3].VarCharValue))' --output text)
			if [[ $missing != 0 && $missing != 0.0 ]]; then
				failed=1
				echo "$missing rows don't show" >&2
			fi
		fi
	else
		failed=1
		echo "$name FAILED" >&2
	fi
done < <(bin/macielake queries "$work/lake")

echo "== the statements that ddl prints"
bin/macielake ddl "$work/lake" --location "$place/lake" --database "${database}_ddl" --split "$work/statements"
for statement in "$work"/statements/*.sql; do
	run "$(cat "$statement")" default >/dev/null || {
		failed=1
		echo "$(basename "$statement") FAILED" >&2
	}
done

if [[ $failed == 0 ]]; then
	aws glue delete-database --name "$database"
	aws glue delete-database --name "${database}_ddl"
	aws s3 rm --recursive --only-show-errors "$place/lake"
	aws s3 rm --recursive --only-show-errors "$place/query-results"
	echo "all of it works; the database and the files are removed"
fi
exit "$failed"
