"""Trino, with the tables and views that `macielake register` made."""

import datetime
import decimal
import json
import os
import re
import subprocess

import boto3
import pyarrow as pa

import examples
import servers
import tables
from local import DuckDB
from trino_client import Trino, TrinoError

MICROS = {"awsdatacatalog.timestamp_precision": "MICROSECONDS"}


def arrow(result):
    """A result as a pyarrow table."""
    columns = [array(kind, [row[i] for row in result.rows]) for i, (_, kind) in enumerate(result.columns)]
    return pa.Table.from_arrays(columns, names=[n for n, _ in result.columns])


def array(kind, cells):
    if kind.startswith("timestamp"):
        return pa.array([None if c is None else micros(c) for c in cells], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    if kind.startswith("map("):
        return pa.array([None if c is None else list(c.items()) for c in cells], pa.map_(pa.string(), pa.string()))
    types = {"bigint": pa.int64(), "integer": pa.int32(), "boolean": pa.bool_(), "double": pa.float64()}
    return pa.array(cells, types.get(kind) or (pa.string() if kind.startswith("varchar") else None))


def micros(text):
    """Microseconds since 1970 of a timestamp as Trino prints it, in any year."""
    m = re.fullmatch(r"([+-]?\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?: UTC)?", text)
    year, rest, digits = int(m[1]), [int(x) for x in m.groups()[1:6]], (m[7] or "").ljust(6, "0")[:6]
    cycles, year = (year - 2000) // 400, 2000 + (year - 2000) % 400
    moment = datetime.datetime(year, *rest, tzinfo=tables.UTC)
    seconds = int(moment.timestamp()) + cycles * 146097 * 86400
    return seconds * 1_000_000 + int(digits)


class Harness:
    def __init__(self, report, program, environment, trino_url, glue_url):
        self.report, self.program, self.environment = report, program, environment
        self.trino_url = trino_url
        self.glue = boto3.client("glue", endpoint_url=glue_url, region_name=servers.REGION,
                                 aws_access_key_id=servers.ACCESS_KEY, aws_secret_access_key=servers.SECRET_KEY)
        self.scanned = {}

    def macielake(self, *args):
        p = subprocess.run([self.program, *args], env=self.environment, capture_output=True, text=True)
        if p.returncode != 0:
            raise tables.Different(f"{args[0]} ended with exit code {p.returncode}: {p.stderr.strip()[-300:]}")
        return p.stdout

    def register(self, sample):
        """The calls of register that changed something."""
        out = self.macielake("register", sample.uri, "--path-style", "--database", sample.database)
        return out.splitlines()

    def check_register(self, sample):
        def once():
            if not self.register(sample):
                raise tables.Different("register made no call")

        def twice():
            calls = self.register(sample)
            if calls:
                raise tables.Different(f"the second register made calls: {calls}")

        return self.report.equal("Trino", "register", sample.name, "register", once) and \
            self.report.equal("Trino", "register", sample.name, "register a second time", twice)

    def check_columns(self, sample):
        trino = Trino(self.trino_url, schema=sample.database, session=MICROS)
        for name in tables.TABLES:
            want = sample.reference.tables[name]
            self.report.equal("Trino", "types", sample.name, f"{name}: all columns",
                              lambda: sample.reference.compare(name, arrow(trino.run(f'SELECT * FROM "{name}"'))))
            for p in tables.predicates(sample.reference, name):
                filtered = want.filter(p.arrow())
                for ignore in ("false", "true") if sample.thorough else ("false",):
                    session = {**MICROS, "awsdatacatalog.parquet_ignore_statistics": ignore}
                    sql = f'SELECT {", ".join(tables.KEYS[name])} FROM "{name}" WHERE {p.sql("trino")}'
                    self.report.equal("Trino", "pruning", sample.name, f"{name} where {p}, statistics ignored {ignore}",
                                      lambda: tables.compare(arrow(Trino(self.trino_url, schema=sample.database, session=session).run(sql)),
                                                             filtered.select(tables.KEYS[name]), tables.KEYS[name]))

    def check_answers(self, sample):
        """Views and queries: what Trino gives is what DuckDB gives."""
        duck = DuckDB()
        duck.con.execute(self.macielake("ddl", sample.lake, "--dialect", "duckdb", "--database", sample.database))
        trino = Trino(self.trino_url, schema=sample.database)
        views = [t["Name"] for page in self.glue.get_paginator("get_tables").paginate(DatabaseName=sample.database)
                 for t in page["TableList"] if t.get("TableType") == "VIRTUAL_VIEW"]
        for view in sorted(views):
            sql = f'SELECT * FROM "{sample.database}"."{view}"'
            self.report.equal("Trino", "views", sample.name, view, lambda: same_answer(trino, sql, duck.arrow(sql)))
        for query in self.queries(sample):
            texts = [self.macielake("queries", sample.lake, query, "--database", sample.database, "--dialect", d).strip().rstrip(";")
                     for d in ("athena", "duckdb")]

            def run():
                result = same_answer(trino, texts[0], duck.arrow(texts[1]))
                self.scanned[sample.name, query] = result.stats.get("physicalInputBytes") if result else None

            self.report.equal("Trino", "queries", sample.name, query, run)

    def queries(self, sample):
        lines = self.macielake("queries", sample.lake).splitlines()
        return [line.split()[0] for line in lines if line and not line.startswith(" ")]

    def check_statements(self, sample, work):
        """The views of `ddl`, pasted one by one; the statements for tables are
        Hive's, which Trino doesn't take (Spark does: spark.py)."""
        directory = f"{work}/{sample.name}.athena"
        self.macielake("ddl", sample.lake, "--location", sample.uri, "--database", sample.database, "--split", directory)
        trino = Trino(self.trino_url, schema=sample.database)
        for file in sorted(os.listdir(directory)):
            if "create-view" in file:
                sql = open(f"{directory}/{file}", encoding="utf-8").read().strip().rstrip(";")
                self.report.equal("Trino", "ddl", sample.name, file, lambda: trino.run(sql))

    def check_growth(self, sample, grow):
        """register after new months, and on a table that lacks a column."""
        rows = {name: sample.reference.tables[name].num_rows for name in tables.TABLES}
        grow()

        def new_months():
            calls = self.register(sample)
            if not any(c.startswith("glue:BatchCreatePartition") for c in calls):
                raise tables.Different(f"no partition was added: {calls}")
            for name in tables.TABLES:
                got = Trino(self.trino_url, schema=sample.database).run(f'SELECT count(*) FROM "{name}"').rows[0][0]
                want = DuckDB().arrow(f"SELECT count(*) AS n FROM read_parquet('{sample.lake}/{name}/**/*.parquet')")["n"][0].as_py()
                if got != want or got <= rows[name]:
                    raise tables.Different(f"{name} has {got} rows, not {want}")

        self.report.equal("Trino", "register", sample.name, "register after new months", new_months)

        def columns():
            table = self.glue.get_table(DatabaseName=sample.database, Name="results")["Table"]
            kept = ("Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters")
            older = {k: table[k] for k in kept if k in table}
            older["StorageDescriptor"]["Columns"] = [c for c in older["StorageDescriptor"]["Columns"] if c["Name"] != "object_tags"]
            self.glue.update_table(DatabaseName=sample.database, TableInput=older)
            calls = self.register(sample)
            if not any(c == f"glue:UpdateTable {sample.database}.results" for c in calls):
                raise tables.Different(f"the table was not updated: {calls}")
            Trino(self.trino_url, schema=sample.database).run('SELECT object_tags FROM "results" LIMIT 1')

        self.report.equal("Trino", "register", sample.name, "register on a table that lacks a column", columns)

    def check_examples(self, sample):
        """The SQL of docs/athena.md as it is written, on the sample's database and an
        inventory with one object of it."""
        trino = Trino(self.trino_url, schema=sample.database)
        trino.run("CREATE VIEW inventory AS (SELECT bucket_name AS bucket, object_key AS key, object_last_modified AS last_modified_date, "
                  "BIGINT '7' AS size, true AS is_latest, '2026-11-22-01-00' AS dt FROM sensitive_objects WHERE NOT is_archive_member LIMIT 1) "
                  "UNION ALL SELECT 'new-bucket', 'new', TIMESTAMP '2026-11-21 00:00:00', 7, true, '2026-11-22-01-00'")
        for i, block in enumerate(examples.blocks("docs/athena.md", "sql")):

            def run():
                result = trino.run(block.strip().replace("macie.", f"{sample.database}."))
                if not result.rows and "CREATE" not in block:
                    raise tables.Different("no rows")

            self.report.equal("Trino", "examples", "docs/athena.md", f"block {i + 1} of SQL", run)

    def bytes_read(self, sample, month):
        """Bytes that Trino reads for typical questions, whole and for one month."""
        trino = Trino(self.trino_url, schema=sample.database)
        found = []
        for what, sql in [
            ("one column of occurrences", "SELECT count(json_path) FROM occurrences {}"),
            ("types and counts", "SELECT detection_type, sum(occurrence_count) FROM detections {} GROUP BY 1"),
            ("all columns of results", "SELECT * FROM results {}"),
            ("all columns of occurrences", "SELECT * FROM occurrences {}"),
        ]:
            sizes = [trino.run(sql.format(where)).stats["physicalInputBytes"]
                     for where in ("", f"WHERE created_month = '{month}'",
                                   f"WHERE created_at >= TIMESTAMP '{month}-01 00:00:00' AND created_at < TIMESTAMP '{month}-28 00:00:00'")]
            found.append((what, *sizes))
        return found


def same_answer(trino, sql, want):
    """Compares an answer of Trino with DuckDB's and returns it. Trino refuses sums
    over 2^63, which DuckDB has 128 bits for: there must be such a sum then."""
    try:
        result = trino.run(sql)
    except TrinoError as e:
        sums = [v for c in want.columns if pa.types.is_decimal(c.type) for v in c.to_pylist() if v is not None]
        if e.name != "NUMERIC_VALUE_OUT_OF_RANGE" or all(-(2**63) <= v < 2**63 for v in sums):
            raise
        return None
    same_rows(result, want)
    return result


def same_rows(result, want):
    """Compares rows without regard to order; Athena's times have milliseconds."""
    names = [n for n, _ in result.columns]
    if set(names) != set(want.column_names):
        raise tables.Different(f"columns {names}, not {want.column_names}")
    kinds = dict(result.columns)
    got_rows = sorted(json.dumps([cell(v, kinds[n], True) for n, v in zip(names, row)]) for row in result.rows)
    columns = [want[n].to_pylist() if not pa.types.is_timestamp(want[n].type) else want[n].cast(pa.timestamp("us")).cast(pa.int64()).to_pylist()
               for n in names]
    want_rows = sorted(json.dumps([cell(v, kinds[n], False) for n, v in zip(names, row)]) for row in zip(*columns))
    if got_rows == want_rows:
        return
    extra, missing = sorted(set(got_rows) - set(want_rows)), sorted(set(want_rows) - set(got_rows))
    cells = [f"{n}: {g!r}, not {w!r}" for n, g, w in zip(names, json.loads(extra[0]), json.loads(missing[0])) if g != w] if extra and missing else []
    raise tables.Different(f"{len(got_rows)} rows, {len(want_rows)} expected, {len(extra)} only in Trino; {'; '.join(cells[:4])}")


def cell(value, kind, from_trino):
    """A value in the form that both engines' are compared in."""
    if value is None:
        return None
    if kind.startswith("timestamp"):
        us = micros(value) if from_trino else value
        return us // 1000 if from_trino else (us + 500) // 1000  # Trino rounds to milliseconds
    if kind.startswith("map("):
        pairs = value.items() if isinstance(value, dict) else [(e["key"], e["value"]) if isinstance(e, dict) else e for e in value]
        return sorted([k, v] for k, v in pairs)
    if kind == "double" or kind.startswith("decimal") or isinstance(value, (float, decimal.Decimal)):
        exact = decimal.Decimal(str(value))  # DuckDB's sums of bigint are decimals here
        return int(exact) if exact == exact.to_integral_value() else float(f"{exact:.9g}")
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return value
