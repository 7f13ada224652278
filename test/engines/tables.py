"""Rows in one form, whatever engine they come from, and their comparison.

The reference is a pyarrow table of expected rows, made by `oracle expected` from
the raw results. Rows of an engine come as a pyarrow table, too.
"""

import datetime
import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import samples

TABLES = ("results", "detections", "occurrences")
KEYS = {
    "results": ["source_uri", "source_line"],
    "detections": ["source_uri", "source_line", "detection_index"],
    "occurrences": ["source_uri", "source_line", "detection_index", "occurrence_index"],
    "runs": ["run_id"],
}
TIME = pa.timestamp("us", tz="UTC")
UTC = datetime.timezone.utc


class Different(Exception):
    """Rows of an engine aren't the expected ones."""


def plain_type(t):
    """The type that a column is compared as."""
    if pa.types.is_timestamp(t):
        return TIME
    if pa.types.is_dictionary(t):
        return plain_type(t.value_type)
    if pa.types.is_map(t) or pa.types.is_list(t) or pa.types.is_large_list(t):
        return pa.string()  # see entries
    if pa.types.is_large_string(t) or pa.types.is_string_view(t):
        return pa.string()
    return t


def entries(column):
    """A map as JSON text of its sorted entries, from a map or a list of structs."""

    def text(value):
        if value is None:
            return None
        pairs = [(e["key"], e["value"]) if isinstance(e, dict) else tuple(e) for e in value]
        return json.dumps(sorted(pairs, key=lambda p: (p[0], p[1] or "")), ensure_ascii=False)

    return pa.array([text(v) for v in column.to_pylist()], pa.string())


def canonical_json(column):
    """JSON texts with sorted members and numbers as they are written."""

    def number(text):
        return {"number": text}

    def canonical(text):
        if text is None:
            return None
        parsed = json.loads(text, parse_int=number, parse_float=number)
        return json.dumps(parsed, sort_keys=True, ensure_ascii=False)

    return pa.array([canonical(v) for v in column.to_pylist()], pa.string())


def plain(column, want):
    """A column as an array of type want; text that JSON holds is left as it is."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # no chunk at all
        column = pa.array([], column.type)
    t = column.type
    if pa.types.is_dictionary(t):
        column = column.dictionary_decode()
        t = column.type
    if pa.types.is_map(t) or pa.types.is_list(t) or pa.types.is_large_list(t):
        return entries(column)
    if pa.types.is_timestamp(t) and t.tz is None and want == TIME:
        column = pc.assume_timezone(column.cast(pa.timestamp("us")), "UTC")
    return column if column.type == want else column.cast(want)


def canonical(table, schema, keys):
    """The columns of schema in canonical form, ordered by keys."""
    missing = [f.name for f in schema if f.name not in table.column_names]
    if missing:
        raise Different(f"no columns {missing}; there are {table.column_names}")
    columns = []
    for field in schema:
        column = plain(table[field.name], field.type)
        columns.append(canonical_json(column) if field.name == "unrecognized" else column)
    out = pa.Table.from_arrays(columns, schema=schema)
    return out.take(pc.sort_indices(out, sort_keys=[(k, "ascending") for k in keys]))


def plain_schema(table):
    return pa.schema([(f.name, plain_type(f.type)) for f in table.schema])


class Reference:
    """The expected rows of a dataset, by table, with its partition columns."""

    def __init__(self, directory, partition_keys):
        self.partition_keys = partition_keys
        self.tables = {}
        for name in TABLES:
            table = pq.read_table(f"{directory}/{name}.parquet")
            for key in partition_keys:
                table = table.append_column(key, partition_values(table, key))
            self.tables[name] = canonical(table, plain_schema(table), KEYS[name])

    def add_run_columns(self, name, table):
        """Takes run_id and source_etag, which the raw results don't determine,
        from one reading of the dataset, once they are checked."""
        want = self.tables[name]
        extra = [c for c in ("run_id", "source_etag") if c in table.column_names]
        schema = pa.schema(list(want.schema) + [(c, pa.string()) for c in extra])
        got = canonical(table, schema, KEYS[name])
        for c in extra:
            groups = got.group_by("source_uri").aggregate([(c, "count_distinct"), (c, "count")])
            rows = got.group_by("source_uri").aggregate([(c, "count"), ("source_uri", "count")])
            if pc.any(pc.greater(groups[f"{c}_count_distinct"], 1)).as_py():
                raise Different(f"{name}.{c} isn't the same in all rows of a source")
            if c == "run_id" and not rows[f"{c}_count"].equals(rows["source_uri_count"]):
                raise Different(f"{name}.{c} is null")
            want = want.append_column(c, got[c])
        self.tables[name] = want

    def compare(self, name, table):
        """Raises Different unless table has the expected rows in every column;
        returns their number."""
        compare(table, self.tables[name], KEYS[name])
        return table.num_rows


def compare(table, want, keys):
    if table.num_rows != want.num_rows:
        raise Different(f"{table.num_rows} rows, not {want.num_rows}")
    got = canonical(table, want.schema, keys)
    problems = []
    for name in want.column_names:
        g, w = got[name].combine_chunks(), want[name].combine_chunks()
        if g.equals(w):
            continue
        at = [i for i, (a, b) in enumerate(zip(values(g), values(w))) if a != b]
        where = [tuple(want[k][i].as_py() for k in keys) for i in at[:2]]
        problems.append(f"{name} differs in {len(at)} rows, such as {where}: {values(g)[at[0]]!r}, not {values(w)[at[0]]!r}" if at else f"{name} differs")
    if problems:
        raise Different("; ".join(problems))


def values(array):
    """Python values; times as their microseconds, since datetime ends in 9999."""
    return (array.cast(pa.int64()) if array.type == TIME else array).to_pylist()


def partition_values(table, key):
    """The value of a partition column in each row, as docs/dataset.md has it."""
    columns = {"p_region": "region", "p_account": "account_id", "p_job": "job_id"}
    if key in columns:
        # The one value that names a null in a directory of Hive's.
        values = [None if v == "__HIVE_DEFAULT_PARTITION__" else v or "unknown" for v in table[columns[key]].to_pylist()]
        return pa.array(values, pa.string())
    length = len("2026-11") if key == "created_month" else len("2026-11-22")
    times = table["created_at"].cast(TIME).to_pylist()
    return pa.array([(samples.MODIFIED if t is None else t).isoformat()[:length] for t in times], pa.string())


class Predicate:
    """A condition on one column: (column, operator, value), or IS NULL."""

    def __init__(self, column, operator, value=None):
        self.column, self.operator, self.value = column, operator, value

    def __str__(self):
        return f"{self.column} {self.operator} {self.value}"

    def arrow(self):
        field = pc.field(self.column)
        if self.operator == "null":
            return field.is_null()
        value = pa.scalar(self.value, TIME) if isinstance(self.value, datetime.datetime) else pa.scalar(self.value)
        return {"=": field == value, ">=": field >= value, "<": field < value, ">": field > value}[self.operator]

    def sql(self, dialect):
        if self.operator == "null":
            return f"{self.column} IS NULL"
        value = self.value
        if isinstance(value, datetime.datetime):
            text = value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
            literal = f"TIMESTAMPTZ '{text}+00'" if dialect == "duckdb" else f"TIMESTAMP '{text}'"
        elif isinstance(value, str):
            literal = "'" + value.replace("'", "''") + "'"
        else:
            literal = str(value)
        return f"{self.column} {self.operator} {literal}"


def predicates(reference, name):
    """Conditions that some rows of a table meet: times, texts, numbers, nulls and
    partition columns."""
    table = reference.tables[name]
    if table.num_rows == 0:
        return []
    found = []
    times = sorted(t for t in table["created_at"].to_pylist() if t is not None)
    if times:
        middle = times[len(times) // 2]
        found += [Predicate("created_at", ">=", middle), Predicate("created_at", "<", middle)]
        found += [Predicate("created_at", "=", middle), Predicate("created_at", ">=", times[-1])]
    text = {"results": "status_code", "detections": "detection_type", "occurrences": "location_kind"}[name]
    number = {"results": "size_classified", "detections": "occurrence_count", "occurrences": "occurrence_index"}[name]
    for column in [text] + reference.partition_keys:
        known = sorted({v for v in table[column].to_pylist() if v is not None})
        if known:
            found.append(Predicate(column, "=", known[len(known) // 2]))
    known = sorted(v for v in table[number].to_pylist() if v is not None)
    if known:
        found.append(Predicate(number, ">", known[len(known) // 2]))
    found.append(Predicate("object_version_id", "null"))
    found.append(Predicate("source_line", ">", 2**62))
    return found
