"""Events of `diff --output ocsf`, held against the schema of OCSF and against models of
its objects. py-ocsf-models has no class 2006; ocsf-json-schema has the whole schema."""

import json
import os
import subprocess

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from py_ocsf_models.objects.cloud import Cloud
from py_ocsf_models.objects.finding_info import FindingInformation
from py_ocsf_models.objects.metadata import Metadata
from py_ocsf_models.objects.resource_details import ResourceDetails

VERSION = "1.8.0"

CONFIG = """
owners: [{owner: billing, bucket: "billing-*"}]
accept:
  - {where: type=NAME and public=no, reason: a directory, owner: ann@example.com, expires: never, broad: true}
"""


def check(report, program, work):
    """Compares an estate's changes over some runs; every state but no_longer_detected
    occurs."""
    directory = f"{work}/ocsf"
    os.makedirs(directory)
    run = lambda *args: subprocess.run([program, *args], cwd=directory, check=True, capture_output=True).stdout  # noqa: E731
    run("gen", "results", "--profile", "history")
    days = sorted(os.path.join(d, f) for d, _, files in os.walk(f"{directory}/results") for f in files if f.endswith(".gz"))
    days.sort(key=os.path.basename)
    for part in (days[: len(days) // 2], days[len(days) // 2:]):
        names = f"{directory}/names"
        os.makedirs(names, exist_ok=True)
        for path in part:
            os.rename(path, f"{names}/{os.path.basename(path)}")
        run("convert", "names", "--out", "lake", "-q")
    with open(f"{directory}/macielake.yaml", "w", encoding="utf-8") as f:
        f.write(CONFIG)
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(VERSION)).get_class_schema("data_security_finding", ["cloud"])
    validator = jsonschema.Draft202012Validator(schema)
    states = set()
    for since in ("0", "1"):
        uids = set()
        for line in run("diff", "lake", "--since", since, "--config", "macielake.yaml", "--output", "ocsf").splitlines():
            event = json.loads(line)

            def valid():
                validator.validate(event)
                FindingInformation.model_validate(event["finding_info"])
                Metadata.model_validate(event["metadata"])
                Cloud.model_validate(event["cloud"])
                ResourceDetails.model_validate(event["resources"][0])
                if event["metadata"]["version"] != VERSION:
                    raise ValueError("another version of the schema")
                if event["metadata"]["uid"] in uids:
                    raise ValueError("two events have one uid")

            report.equal("OCSF", "events", since, event["metadata"]["uid"], valid)
            uids.add(event["metadata"]["uid"])
            states.add(event["unmapped"]["state"])
    missing = {"new", "reappeared", "worse", "not_seen_again", "resolved", "gone"} - states

    def complete():
        if missing:
            raise ValueError(f"no event of {', '.join(sorted(missing))}")

    report.equal("OCSF", "states", "history", "all", complete)
