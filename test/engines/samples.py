"""Raw results and the datasets made of them."""

import datetime
import glob
import gzip
import json
import os
import subprocess

# name: (source of raw results, flags of gen, partition keys, format)
SAMPLES = {
    "mixed": (["--profile", "mixed", "--size", "3MB", "--encoding", "real"], "created_month"),
    "dates": (["--profile", "mixed", "--size", "1MB", "--seed", "2", "--encoding", "api"], "created_date"),
    "small": (["--profile", "small", "--size", "500kB", "--encoding", "api"], "region"),
    "archives": (["--profile", "archives", "--size", "1MB", "--encoding", "real"], "account"),
    "repeated": (["--profile", "repeated", "--size", "1MB", "--encoding", "mixed"], "job"),
    "large": (["--profile", "large", "--size", "3MB", "--encoding", "real"], "none"),
    "ties": ("ties", "region,account,created_month"),
    "vectors": ("vectors", "created_month"),
    "history": (["--profile", "history", "--size", "2MB"], "created_date"),
    "edge": ("edge", "created_month"),
    "limits": ("limits", "none"),
    "edgejob": ("edge", "job,region"),
    "clean": ("clean", "created_month"),
}
# Samples that are also filtered without pushdown, in Trino and Spark.
THOROUGH = ("mixed", "edge", "limits")
# Samples whose views and queries are run: that is most of the time.
ANSWERED = ("mixed", "vectors", "ties", "edge", "clean")
# The cases that define what is current.
VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "testdata", "current")
# When every source was last modified: the partition of results without created_at.
MODIFIED = datetime.datetime(2026, 2, 15, tzinfo=datetime.timezone.utc)
COLUMNS = {"region": "p_region", "account": "p_account", "job": "p_job"}


def partition_columns(by):
    """The partition columns of --partition-by."""
    return [] if by == "none" else [COLUMNS.get(k, k) for k in by.split(",")]


def write_raw(name, directory, program, tools):
    """Writes the raw results of a sample."""
    source = SAMPLES[name][0]
    if source == "ties":
        subprocess.run([f"{tools}/ties", "--dir", directory, "--lines", "1500"], check=True)
    elif source == "vectors":
        subprocess.run([f"{tools}/vectors", "--vectors", VECTORS, "--dir", directory], check=True)
    elif isinstance(source, str):
        lines = MADE[source]()
        path = f"{directory}/AWSLogs/111122223333/Macie/us-east-1/job/00000000-0000-0000-0000-000000000001.jsonl.gz"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with gzip.open(path, "wt", encoding="utf-8") as f:
            for line in lines:
                f.write(json.dumps(line, ensure_ascii=False) + "\n")
    else:
        subprocess.run([program, "gen", directory, *source], check=True, stderr=subprocess.DEVNULL)
    for path in glob.glob(f"{directory}/**/*.jsonl*", recursive=True):
        os.utime(path, (MODIFIED.timestamp(),) * 2)


def result(bucket, key, created=None, **other):
    """One result as Macie writes it; other replaces members of the top level."""
    r = {
        "schemaVersion": "1.0",
        "id": f"{bucket}/{key}",
        "accountId": "012345678901",  # as a number it would lose its first digit
        "partition": "aws",
        "region": "us-east-1",
        "severity": {"score": "3", "description": "High"},
        "resourcesAffected": {"s3Bucket": {"name": bucket}, "s3Object": {"key": key}},
        "classificationDetails": {"jobId": "job", "result": {"status": {"code": "COMPLETE"}}},
    }
    if created is not None:
        r["createdAt"] = created
    r.update(other)
    return {k: v for k, v in r.items() if v is not None}


def edge_results():
    """Values at the limits of what a column holds, and nulls wherever there may be
    one."""
    lines = []
    times = [
        None, "0001-01-01T00:00:00Z", "1582-10-04T23:59:59.999999Z", "1582-10-15T00:00:00Z", "1900-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000001Z", "2026-01-31T23:59:59.999Z",
        "2026-02-01T00:00:00Z", "2038-01-19T03:14:08Z", "2262-04-11T23:47:16.854776Z", "2400-02-29T12:00:00.5Z",
        "9999-12-31T23:59:59Z",
    ]
    for i, t in enumerate(times):
        lines.append(result("times", f"{i}", t, updatedAt=times[-1 - i]))
    texts = [
        "", " ", "'", '"', "\\", "a\nb\tc", "%2F=/..", "é", "e\u0301", "\u202eabc", "\U0001f4b3", "\U0010ffff", "\ufeffx", "\x7f\x01",
        "x" * 1024, "unknown", "null", "NULL", "__HIVE_DEFAULT_PARTITION__", "1.0", "true", "2026-11",
    ]
    for i, t in enumerate(texts):
        lines.append(result(f"texts{i}", t, "2026-03-01T00:00:00Z", title=t, description=t))
        if len(t) > 100:
            continue  # names of directories are cut and get a hash: no value to compare
        lines.append(result("partitions", f"{i}", "2026-03-01T00:00:00Z", accountId=t, region=t,
                            classificationDetails={"jobId": t, "result": {"status": {"code": t}}}))
    lines.append(result("partitions", "absent", "2026-03-01T00:00:00Z", accountId=None, region=None, classificationDetails={}))
    lines += numbers("edge", [0, 1, -1, 2**31 - 1, 2**31, 2**53 + 1, None])
    tags = [
        [], [{"key": "Owner", "value": "a"}], [{"key": "", "value": ""}], [{"key": "k"}], [{"key": "k", "value": None}],
        [{"key": "é", "value": "\U0001f4b3"}, {"key": "Owner", "value": "x" * 300}, {"key": "owner", "value": "b"}],
        [{"key": f"key{i}", "value": str(i)} for i in range(50)],
    ]
    for i, t in enumerate(tags):
        lines.append(result("tags", f"{i}", "2026-05-01T00:00:00Z", resourcesAffected={
            "s3Bucket": {"name": "tags", "tags": t}, "s3Object": {"key": f"{i}", "tags": t, "size": "5"}}))
    for i, unknown in enumerate([{"newField": {"deep": [1, 1.50, 1e300, "x", None, True]}}, {"newNumber": 12345678901234567890}]):
        lines.append(result("unknown", f"{i}", "2026-05-01T00:00:00Z", **unknown))
    return lines


def numbers(bucket, values):
    """Results with each of the values in every column of integers."""
    lines = []
    for i, n in enumerate(values):
        detection = {"type": "NAME", "count": n, "occurrences": {
            "cells": [{"row": n, "column": n, "columnName": "c"}, {"row": 1, "column": 2, "cellReference": "S!B1"}],
            "lineRanges": [{"start": n, "end": n, "startColumn": n}],
            "offsetRanges": [{"start": n, "end": n, "startColumn": n}],
            "pages": [{"pageNumber": n}],
            "records": [{"recordIndex": n, "jsonPath": "$.\U0001f4b3"}],
        }}
        detection = {k: v for k, v in detection.items() if v is not None}
        lines.append(result(bucket, f"{i}", "2026-04-01T00:00:00Z", classificationDetails={
            "jobId": "job", "result": {"status": {"code": "COMPLETE"}, "sizeClassified": n,
                                       "sensitiveData": [{"category": "PERSONAL_INFORMATION", "totalCount": n, "detections": [detection]}]}}))
    return lines


MADE = {
    "edge": edge_results,
    "limits": lambda: numbers("limits", [0, 2**63 - 1, -(2**63), 2**62, -(2**53) - 1, 7, None] * 20),
    "clean": lambda: [result("clean", "k", created="2026-11-01T00:00:00Z")],
}
