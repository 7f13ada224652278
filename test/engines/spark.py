"""Spark, by path and through tables of its own Hive metastore, which are made by
the statements of `macielake ddl`."""

import os
import subprocess

import pyspark
from pyspark.sql import SparkSession

import tables
from local import files_of

VERSION = pyspark.__version__


def start(work, java):
    os.environ["JAVA_HOME"] = java
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["TZ"] = "UTC"
    return (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "1500m")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
        .config("spark.sql.catalogImplementation", "hive")
        .config("spark.sql.warehouse.dir", f"{work}/warehouse")
        .config("spark.hadoop.javax.jdo.option.ConnectionURL", "jdbc:derby:memory:engines;create=true")
        .config("spark.driver.extraJavaOptions", f"-Dderby.system.home={work} -Duser.timezone=UTC")
        .getOrCreate()
    )


def read(spark, directory):
    return spark.read.parquet(directory)


def check_paths(report, spark, sample):
    for name in tables.TABLES:
        directory = f"{sample.lake}/{name}"
        if not files_of(directory, "parquet"):
            continue
        want = sample.reference.tables[name]
        for vectorized in ("true", "false"):
            spark.conf.set("spark.sql.parquet.enableVectorizedReader", vectorized)
            report.equal("Spark", "types", sample.name, f"{name}: all columns by path, vectorized {vectorized}",
                         lambda: sample.reference.compare(name, read(spark, directory).toArrow()))
        spark.conf.set("spark.sql.parquet.enableVectorizedReader", "true")
        for p in tables.predicates(sample.reference, name):
            filtered = want.filter(p.arrow())
            for pushdown in ("true", "false") if sample.thorough else ("true",):
                spark.conf.set("spark.sql.parquet.filterPushdown", pushdown)
                report.equal("Spark", "pruning", sample.name, f"{name} where {p}, pushdown {pushdown}",
                             lambda: check_filter(read(spark, directory).where(p.sql("spark")), filtered, name))
        spark.conf.set("spark.sql.parquet.filterPushdown", "true")


def check_filter(frame, want, name):
    """Compares the keys of the rows: all columns are compared elsewhere."""
    got = frame.select(*tables.KEYS[name]).toArrow()
    tables.compare(got, want.select(tables.KEYS[name]), tables.KEYS[name])


def check_tables(report, spark, sample, program, work):
    """Runs the statements for tables and partitions, as Hive and Athena take them,
    one by one, and reads the tables."""
    statements = f"{work}/{sample.name}.ddl"
    database = f"ddl_{sample.name}"
    subprocess.run([program, "ddl", sample.lake, "--location", "s3://lake", "--database", database, "--split", statements],
                   check=True, stdout=subprocess.DEVNULL)

    def create():
        for file in sorted(os.listdir(statements)):
            if "create-view" not in file:
                sql = open(f"{statements}/{file}", encoding="utf-8").read().strip().rstrip(";")
                spark.sql(sql.replace("s3://lake", f"file://{sample.lake}"))

    if not report.equal("Spark", "tables", sample.name, "statements of ddl", create):
        return
    for name in tables.TABLES:
        def check():
            table = spark.table(f"{database}.{name}").toArrow()
            sample.reference.compare(name, table)

        report.equal("Spark", "tables", sample.name, f"{name}: all columns of the table", check)
        for p in tables.predicates(sample.reference, name):
            if p.column in sample.keys:
                report.equal("Spark", "tables", sample.name, f"{name} where {p}",
                             lambda: check_filter(spark.table(f"{database}.{name}").where(p.sql("spark")),
                                                  sample.reference.tables[name].filter(p.arrow()), name))


