"""The examples of the documentation, run as they are written there."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = ("README.md", "docs/engines.md")


def blocks(page, language):
    with open(os.path.join(ROOT, page), encoding="utf-8") as f:
        return re.findall(rf"^```{language}\n(.*?)^```$", f.read(), re.MULTILINE | re.DOTALL)


def check(report, program, work, spark):
    """Runs each block of Python or of SQL in a folder with a dataset named lake. Without
    spark those for Spark are left out; docs/athena.md's SQL is for Trino (trino.py)."""
    directory = f"{work}/examples"
    os.makedirs(directory)
    subprocess.run([program, "gen", "AWSLogs", "--size", "1MB"], cwd=directory, check=True, stderr=subprocess.DEVNULL)
    subprocess.run([program, "convert", "AWSLogs", "--out", "lake", "-q"], cwd=directory, check=True)
    count = 0
    for page in PAGES:
        for i, block in enumerate(blocks(page, "python")):
            engine = next((e for e in ("pyspark", "polars", "pandas", "duckdb", "pyarrow") if e in block), "Python")
            if engine == "pyspark" and not spark:
                continue

            def run():
                p = subprocess.run([sys.executable, "-W", "ignore", "-c", block], cwd=directory, capture_output=True, text=True)
                if p.returncode != 0:
                    raise RuntimeError(p.stderr.strip()[-400:])
                if "print(" in block and not p.stdout.strip():
                    raise RuntimeError("it printed nothing")

            report.equal({"pyspark": "Spark", "duckdb": "DuckDB"}.get(engine, engine), "examples", page, f"block {i + 1} ({engine})", run)
            count += 1
        for i, block in enumerate(blocks(page, "sql")):

            def query():
                code = f"import duckdb, sys; sys.exit(not duckdb.sql({block!r}).fetchall())"
                p = subprocess.run([sys.executable, "-c", code], cwd=directory, capture_output=True, text=True)
                if p.returncode != 0:
                    raise RuntimeError(p.stderr.strip()[-400:] or "it has no rows")

            report.equal("DuckDB", "examples", page, f"block {i + 1} of SQL", query)
            count += 1
    if count == 0:
        raise SystemExit("the documentation has lost its examples")
