"""pyarrow, pandas, polars and DuckDB, which read a dataset's files by path."""

import glob
import os
import subprocess

import duckdb
import pandas
import polars
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

import tables


def hive(keys):
    return ds.partitioning(pa.schema([(k, pa.string()) for k in keys]), flavor="hive") if keys else None


def files_of(directory, extension):
    return sorted(glob.glob(f"{directory}/**/*.{extension}", recursive=True))


class Pyarrow:
    name, version = "pyarrow", pa.__version__

    def dataset(self, directory, keys, extension):
        return ds.dataset(files_of(directory, extension), format="ipc" if extension == "arrow" else "parquet",
                          partitioning=hive(keys), partition_base_dir=directory)

    def read(self, directory, keys, extension="parquet"):
        return self.dataset(directory, keys, extension).to_table()

    def filter(self, directory, keys, predicate, pushdown):
        dataset = self.dataset(directory, keys, "parquet")
        if pushdown:
            return dataset.to_table(filter=predicate.arrow())
        return dataset.to_table().filter(predicate.arrow())


class Pandas:
    name, version = "pandas", pandas.__version__

    def read(self, directory, keys, extension="parquet"):
        if extension == "arrow":
            frames = [pandas.read_feather(f, dtype_backend="pyarrow") for f in files_of(directory, extension)]
            return arrow_of(pandas.concat(frames))
        return arrow_of(pandas.read_parquet(directory, dtype_backend="pyarrow", partitioning=hive(keys)))

    def read_numpy(self, directory, keys):
        """With pandas' own types: a column of integers with a null is float64."""
        return arrow_of(pandas.read_parquet(directory, partitioning=hive(keys)))

    def filter(self, directory, keys, predicate, pushdown):
        frame = pandas.read_parquet(directory, dtype_backend="pyarrow", partitioning=hive(keys),
                                    filters=predicate.arrow() if pushdown else None)
        table = arrow_of(frame)
        return table if pushdown else table.filter(predicate.arrow())


def arrow_of(frame):
    return pa.Table.from_pandas(frame, preserve_index=False)


class Polars:
    name, version = "polars", polars.__version__

    def scan(self, directory, keys, **options):
        return polars.scan_parquet(f"{directory}/**/*.parquet", hive_partitioning=bool(keys),
                                   hive_schema={k: polars.String for k in keys} if keys else None, **options)

    def read(self, directory, keys, extension="parquet"):
        if extension == "arrow":
            # Polars has no schema for the values of directories here: they are compared elsewhere.
            return polars.concat([polars.read_ipc(f) for f in files_of(directory, extension)]).to_arrow()
        return self.scan(directory, keys).collect().to_arrow()

    def filter(self, directory, keys, predicate, pushdown):
        column = polars.col(predicate.column)
        if predicate.operator == "null":
            condition = column.is_null()
        else:
            value = polars.lit(predicate.value)
            condition = {"=": column == value, ">=": column >= value, "<": column < value, ">": column > value}[predicate.operator]
        if pushdown:
            return self.scan(directory, keys).filter(condition).collect().to_arrow()
        return self.scan(directory, keys, use_statistics=False).collect().filter(condition).to_arrow()


class DuckDB:
    name, version = "DuckDB", duckdb.__version__

    def __init__(self):
        self.con = duckdb.connect()
        self.con.execute("SET TimeZone = 'UTC'")

    def source(self, directory, keys):
        types = "{" + ", ".join(f"'{k}': VARCHAR" for k in keys) + "}"
        options = f", hive_types = {types}" if keys else ""
        return f"read_parquet('{directory}/**/*.parquet', hive_partitioning = {str(bool(keys)).lower()}{options})"

    def arrow(self, sql):
        return self.con.sql(sql).to_arrow_table()

    def read(self, directory, keys, extension="parquet"):
        return self.arrow(f"SELECT * FROM {self.source(directory, keys)}")

    def filter(self, directory, keys, predicate, pushdown):
        self.con.execute("SET disabled_optimizers = '" + ("" if pushdown else "filter_pushdown,statistics_propagation,join_filter_pushdown") + "'")
        return self.arrow(f"SELECT * FROM {self.source(directory, keys)} WHERE {predicate.sql('duckdb')}")


ENGINES = (Pyarrow, Pandas, Polars, DuckDB)


def check(report, sample, engines):
    """Every engine's rows of a dataset, whole and filtered, against the reference."""
    reference = sample.reference
    for engine in engines:
        for name in tables.TABLES:
            directory = f"{sample.lake}/{name}"
            if not files_of(directory, "parquet"):
                report.equal(engine.name, "types", sample.name, f"{name} is empty, without files", lambda: reference.tables[name].num_rows)
                continue
            report.equal(engine.name, "types", sample.name, f"{name}: all columns",
                         lambda: reference.compare(name, engine.read(directory, sample.keys)))
            for p in tables.predicates(reference, name):
                want = reference.tables[name].filter(p.arrow())
                for pushdown in (True, False):
                    report.equal(engine.name, "pruning", sample.name, f"{name} where {p}, pushdown {pushdown}",
                                 lambda: tables.compare(engine.filter(directory, sample.keys, p, pushdown), want, tables.KEYS[name]))


def check_numpy(report, sample):
    for name in tables.TABLES:
        directory = f"{sample.lake}/{name}"
        if files_of(directory, "parquet"):
            report.equal("pandas", "types", sample.name, f"{name}: all columns with NumPy's types",
                         lambda: sample.reference.compare(name, Pandas().read_numpy(directory, sample.keys)))


def check_arrow(report, sample, program):
    """The same rows as Arrow files, and as Arrow streams on a pipe."""
    for engine in (Pyarrow(), Pandas(), Polars()):
        for name in tables.TABLES:
            directory = f"{sample.arrow}/{name}"
            if not files_of(directory, "arrow"):
                continue

            def read():
                table = engine.read(directory, sample.keys, "arrow")
                want = sample.reference.tables[name]
                if engine.name != "pyarrow":
                    want = want.drop_columns(sample.keys)
                want = want.drop_columns([c for c in ("run_id", "source_etag") if c in want.column_names])
                tables.compare(table, want, tables.KEYS[name])

            report.equal(engine.name, "Arrow", sample.name, f"{name}: all columns of Arrow files", read)
    for name in tables.TABLES:
        for source in (sample.raw, sample.lake):
            for reader in ("pyarrow", "polars"):

                def stream():
                    with subprocess.Popen([program, "cat", source, "--table", name, "--output", "arrow"], stdout=subprocess.PIPE) as p:
                        table = pa.ipc.open_stream(p.stdout).read_all() if reader == "pyarrow" else polars.read_ipc_stream(p.stdout).to_arrow()
                    if p.returncode != 0:
                        raise tables.Different(f"cat ended with exit code {p.returncode}")
                    want = sample.reference.tables[name]
                    want = want.drop_columns(sample.keys + [c for c in ("run_id", "source_etag") if c in want.column_names])
                    tables.compare(table, want, tables.KEYS[name])

                what = "raw results" if source == sample.raw else "the dataset"
                report.equal(reader, "Arrow", sample.name, f"{name}: cat of {what} on a pipe", stream)


def check_pages(report, sample, work):
    """Pages have checksums, and they are right: a changed byte is noticed."""
    damaged = f"{work}/damaged.parquet"
    for name in tables.TABLES:
        for file in files_of(f"{sample.lake}/{name}", "parquet")[:2]:

            def check():
                pq.read_table(file, page_checksum_verification=True)
                meta = pq.ParquetFile(file).metadata
                column = max((meta.row_group(0).column(i) for i in range(meta.num_columns)), key=lambda c: c.total_compressed_size)
                data = bytearray(open(file, "rb").read())
                data[column.data_page_offset + column.total_compressed_size // 2] ^= 0x10
                with open(damaged, "wb") as f:
                    f.write(data)
                try:
                    pq.ParquetFile(damaged, page_checksum_verification=True).read()
                except OSError as e:
                    if "CRC" not in str(e) and "checksum" not in str(e).lower():
                        raise
                    return
                raise tables.Different("a damaged page was read")

            report.equal("pyarrow", "types", sample.name, f"{name}: page checksums of {os.path.basename(file)}", check)
