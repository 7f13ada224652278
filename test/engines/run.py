"""Has engines read what macielake writes, and compares every column, view and
query with what is expected of the raw results. See README.md.

usage: run.py --program MACIELAKE --tools DIR --work DIR [--only NAME,...] [-v]

--tools has the built programs oracle, ties, versitygw, athena and vectors. Exit code: 0 if
everything ran and was equal, 1 for a difference, 3 if something was left out.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys

import install


def arguments():
    parser = argparse.ArgumentParser(description="Has engines read what macielake writes.")
    parser.add_argument("--program", required=True, help="the program macielake")
    parser.add_argument("--tools", required=True, help="directory of oracle, ties, versitygw, athena and vectors")
    parser.add_argument("--work", required=True, help="directory for samples, datasets and logs; it is emptied")
    parser.add_argument("--only", default="", help="samples to use, comma-separated")
    parser.add_argument("--engines", default="local,spark,trino", help="groups of engines to run, comma-separated")
    parser.add_argument("-v", dest="verbose", action="store_true", help="show where a difference was found")
    return parser.parse_args()


class Sample:
    """Raw results, the dataset of them in the S3 store, and the expected rows."""

    def __init__(self, name, work, s3_directory):
        import samples

        self.name = name
        self.by = samples.SAMPLES[name][1]
        self.keys = samples.partition_columns(self.by)
        self.raw = f"{work}/raw/{name}"
        self.expected = f"{work}/expected/{name}"
        self.arrow = f"{work}/arrow/{name}"
        self.uri = f"s3://lake/{name}"
        self.lake = f"{s3_directory}/{name}"  # the same files, as a directory
        self.database = f"macie_{name}"
        self.thorough = name in samples.THOROUGH


def main():
    args = arguments()
    if os.environ.get("MACIELAKE_ENGINES_VENV") != sys.prefix:
        python = install.venv()
        environment = {**os.environ, "MACIELAKE_ENGINES_VENV": os.path.dirname(os.path.dirname(python))}
        sys.exit(subprocess.run([python, "-W", "ignore", *sys.argv], env=environment).returncode)

    import examples
    import local
    import ocsf
    import report
    import samples
    import servers
    import tables

    args.program, args.tools, args.work = (os.path.abspath(p) for p in (args.program, args.tools, args.work))
    shutil.rmtree(args.work, ignore_errors=True)
    os.makedirs(args.work)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers are ended, too
    r = report.Report(args.verbose)
    wanted = args.engines.split(",")
    names = [n for n in args.only.split(",") if n] or list(samples.SAMPLES)

    spark_java, trino_java = install.java(install.SPARK_JAVA), install.java(install.TRINO_JAVA)
    if "spark" in wanted and not spark_java:
        r.leave_out("Spark", f"no Java {install.SPARK_JAVA} or later")
        wanted.remove("spark")
    if "trino" in wanted and not trino_java:
        r.leave_out("Trino", f"no Java {install.TRINO_JAVA} or later")
        wanted.remove("trino")
    if "trino" in wanted and not shutil.which("mvn"):
        r.leave_out("Trino", "no Maven (mvn)")
        wanted.remove("trino")
    trino_home = install.trino() if "trino" in wanted else None

    with servers.Servers(args.work) as started:
        s3, directory = started.s3(f"{args.tools}/versitygw", "lake")
        trino_url = glue = athena = ""
        if trino_home:
            r.step(f"starting Trino {install.TRINO}")
            glue = started.glue()
            trino_url = started.trino(trino_home, trino_java, s3, glue)
            athena = started.athena(f"{args.tools}/athena", trino_url)
        environment = servers.environment(s3, glue, athena)

        def convert(sample, raw):
            subprocess.run([args.program, "convert", raw, "--out", sample.uri, "--path-style", "-q", "--partition-by", sample.by],
                           env=environment, check=True)

        r.step("converting " + ", ".join(names))
        made = []
        for name in names:
            sample = Sample(name, args.work, directory)
            samples.write_raw(name, sample.raw, args.program, args.tools)
            convert(sample, sample.raw)
            subprocess.run([f"{args.tools}/oracle", "expected", "--raw", sample.raw, "--out", sample.expected], check=True)
            sample.reference = tables.Reference(sample.expected, sample.keys)
            for table in tables.TABLES:
                if local.files_of(f"{sample.lake}/{table}", "parquet"):
                    sample.reference.add_run_columns(table, local.Pyarrow().read(f"{sample.lake}/{table}", sample.keys))
            made.append(sample)

        versions = {e.name: e.version for e in local.ENGINES}
        if "local" in wanted:
            engines = [e() for e in local.ENGINES]
            for sample in made:
                r.step(f"{', '.join(e.name for e in engines)}: {sample.name}")
                local.check(r, sample, engines)
                if sample.name not in ("edge", "edgejob", "limits", "vectors"):  # NumPy has no nulls in columns of integers
                    local.check_numpy(r, sample)
                if sample.name in ("mixed", "edge"):
                    subprocess.run([args.program, "convert", sample.raw, "--out", sample.arrow, "-q", "--format", "arrow",
                                    "--partition-by", sample.by], check=True)
                    local.check_arrow(r, sample, args.program)
                    local.check_pages(r, sample, args.work)
            examples.check(r, args.program, args.work, spark_java is not None)
            ocsf.check(r, args.program, args.work)
        if "spark" in wanted:
            import spark

            r.step("starting Spark")
            session = spark.start(args.work, spark_java)
            session.sparkContext.setLogLevel("ERROR")
            versions["Spark"] = spark.VERSION
            for sample in made:
                r.step(f"Spark: {sample.name}")
                spark.check_paths(r, session, sample)
                spark.check_tables(r, session, sample, args.program, args.work)
            session.stop()
        if trino_home:
            import trino

            versions["Trino"] = install.TRINO
            h = trino.Harness(r, args.program, environment, trino_url, glue)
            for sample in made:
                r.step(f"Trino: {sample.name}")
                if not h.check_register(sample):
                    continue
                h.check_columns(sample)
                if sample.name in samples.ANSWERED:
                    h.check_answers(sample)
            grown = [s for s in made if s.name == "mixed"]
            for sample in grown:
                for line in h.bytes_read(sample, "2026-03"):
                    print(f"bytes read by Trino for {line[0]}: {line[1]:,}; with created_month {line[2]:,}; with created_at {line[3]:,}")

                def grow():
                    more = f"{args.work}/raw/more"
                    subprocess.run([args.program, "gen", more, "--size", "500kB", "--seed", "9"], check=True, stderr=subprocess.DEVNULL)
                    shift_years(more)
                    convert(sample, more)

                h.check_growth(sample, grow)
                h.check_examples(sample)
                # Last, since views that `ddl` made have no mark that register knows.
                h.check_statements(sample, args.work)
    print("\n" + ", ".join(f"{n} {v}" for n, v in versions.items()))
    sys.exit(r.end())


def shift_years(directory):
    """Moves the results of a sample a year ahead, into months of their own."""
    import glob
    import gzip

    for path in glob.glob(f"{directory}/**/*.jsonl.gz", recursive=True):
        with gzip.open(path, "rt", encoding="utf-8") as f:
            text = f.read()
        with gzip.open(path, "wt", encoding="utf-8") as f:
            f.write(text.replace('"createdAt":"2026-', '"createdAt":"2027-'))


if __name__ == "__main__":
    main()
