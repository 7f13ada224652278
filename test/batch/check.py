"""Deploys deploy/batch/template.yaml into moto and runs its state machine: see run.

What moto can't do, and what is done here in its place:
- moto's Batch starts containers with Docker or none at all. Here a job is a process with
  the command of its definition, with the variables that Batch sets, tried again by the
  rules of its retry strategy. Nothing of compute environments is tried.
- Its CloudFormation wants a ServiceRole for compute environments, which AWS makes itself,
  knows DefinitionString and not Definition, and no schedules.
- Its CloudFormation makes a state machine that its Step Functions don't execute, so the
  same definition is made again through the API.
- Its logs take every line for one that a pattern of fields matches.
- Its jobs don't tell their exit code where Step Functions look for it.
- Step Functions write the names of fields of requests and answers with a capital. Moto
  hands them on as they are; here they are changed.
- Its IAM allows everything. The role of the tasks is compared with docs/permissions.md,
  which another test compares with what doctor prints.
"""

import ast
import concurrent.futures
import datetime
import fnmatch
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings

import boto3
import yaml
from moto import mock_aws
from moto.batch.models import Job
from moto.batch_simple.models import BatchSimpleBackend
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.logs.utils import UnsupportedFilterPattern
from moto.stepfunctions.models import stepfunctions_backends
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import StateTaskServiceAwsSdk
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch import StateTaskServiceBatch

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
REGION = "eu-central-1"
ACCESS_KEY, SECRET_KEY = "AKIAMACIELAKETEST", "only-for-the-server-on-loopback/secret"


# ---- The template

class Loader(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions."""


def function(loader, tag, node):
    value = (loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else
             loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else
             loader.construct_mapping(node, deep=True))
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else "Fn::" + tag: value}


Loader.add_multi_constructor("!", function)


def for_moto(template):
    """Changes a template to what moto can deploy; returns it with its schedule's properties."""
    resources = template["Resources"]
    for r in resources.values():
        if r["Type"] == "AWS::Batch::ComputeEnvironment":
            r["Properties"]["ServiceRole"] = {"Fn::GetAtt": ["ServiceRole", "Arn"]}
    resources["ServiceRole"] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "batch.amazonaws.com"}, "Action": "sts:AssumeRole"}]}}}
    flow = resources["Flow"]["Properties"]
    flow["DefinitionString"] = {"Fn::Sub": [json.dumps(flow.pop("Definition")), flow.pop("DefinitionSubstitutions")]}
    schedule = resources.pop("Nightly")["Properties"]
    return json.dumps(template), schedule


# ---- Jobs

class Jobs:
    """Runs jobs as processes; stands in for the containers of Batch."""

    def __init__(self, program, s3):
        self.program, self.s3 = program, s3
        self.case, self.disturb, self.ran = "", lambda *_: None, []

    def attempt(self, job, index, number):
        """Runs a job once. Returns its exit code, the reason of its status, and its output."""
        definition = job.job_definition
        command = [re.sub(r"(/security/AWSLogs|/macie)$", f"/{self.case}", a) for a in definition.container_properties["command"]]
        verb = command[0]
        if verb == "commit":  # which waits for minutes otherwise
            command[command.index("--wait") + 1] = "1s"
        if verb == "plan":
            command += ["--part-size", "30kB"]
        env = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": REGION,
               "AWS_BATCH_JOB_ATTEMPT": str(number)}
        if index is not None:
            env["AWS_BATCH_JOB_ARRAY_INDEX"] = str(index)
        self.ran.append((job.job_queue.name, verb, index, number))
        change = self.disturb(job.job_queue.name, verb, index, number) or {}
        if "exit" in change:
            return change["exit"], "Essential container in task exited", ""
        command += ["--path-style", "--endpoint-url", self.s3] + change.get("flags", [])
        p = subprocess.Popen([self.program, *command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if "signal" in change:
            time.sleep(0.15)
            p.send_signal(change["signal"])
        out, _ = p.communicate(timeout=300)
        # A shell and Docker say 128 + the signal.
        code = p.returncode if p.returncode >= 0 else 128 - p.returncode
        return code, change.get("reason", "Essential container in task exited"), out

    def again(self, job, code, reason):
        """Says what the retry strategy makes of an attempt that failed."""
        for rule in job.job_definition.retry_strategy.get("evaluateOnExit", []):
            if fnmatch.fnmatchcase(str(code), rule.get("onExitCode", "*")) and fnmatch.fnmatchcase(reason, rule.get("onStatusReason", "*")):
                return rule["action"].upper() == "RETRY"
        return True

    def run(self, job, index=None):
        """Runs a job until it succeeds or has no attempt left."""
        job.job_started_at = datetime.datetime.now()
        logs = job._log_backend
        group = job.job_definition.container_properties["logConfiguration"]["options"]["awslogs-group"]
        for number in range(1, int(job.job_definition.retry_strategy.get("attempts", 1)) + 1):
            job.log_stream_name = f"{job._stream_name.replace(':', '-')}/{number}"
            job._start_attempt()
            code, reason, out = self.attempt(job, index, number)
            logs.create_log_stream(group, job.log_stream_name)
            now = int(time.time() * 1000)
            if out:
                logs.put_log_events(group, job.log_stream_name, [{"timestamp": now, "message": line} for line in out.splitlines() if line])
            job.exit_code, job.job_stopped_reason = code, reason
            if code == 0 or not self.again(job, code, reason):
                break
        job._mark_stopped(success=code == 0)
        return code == 0

    def submit(self, backend, name, definition, queue, array, **rest):
        """Is BatchSimpleBackend.submit_job, except that jobs run."""
        definition, queue = backend.get_job_definition(definition), backend.get_job_queue(queue)
        rest = {k: rest.get(k) for k in ("container_overrides", "eks_properties_override", "depends_on", "timeout", "parameters", "tags")}

        def make(properties, job_id=None):
            job = Job(name, definition, queue, backend.backend, log_backend=backend.logs_backend, all_jobs=backend._jobs,
                      array_properties=properties, provided_job_id=job_id, **rest)
            backend._jobs[job.job_id] = job
            return job

        job = make(array)
        size = array.get("size")
        if size is None:
            self.run(job)
        else:
            if not 2 <= size <= 10_000:
                raise ValueError(f"an array of {size}")
            children = [make({"statusSummary": {}, "index": i}, f"{job.job_id}:{i}") for i in range(size)]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                done = list(pool.map(self.run, children, range(size)))
            job.job_started_at = datetime.datetime.now()
            job._child_jobs = children
            job._mark_stopped(success=all(done))
        return name, job.job_id, job.arn


# ---- Names of fields

def rename(value, change):
    """Changes the first letters of all names in place."""
    if isinstance(value, list):
        for v in value:
            rename(v, change)
    elif isinstance(value, dict):
        for name in list(value):
            rename(value[name], change)
            value[change(name[0]) + name[1:]] = value.pop(name)


def name_as_aws():
    for service in (StateTaskServiceAwsSdk, StateTaskServiceBatch):
        service._normalise_parameters = lambda self, parameters, *_, **__: rename(parameters, str.lower)
        service._SERVICE_NAME_SFN_TO_BOTO_OVERRIDES = {"cloudwatchlogs": "logs"}
        service._normalise_response = lambda self, response, *_, **__: rename(response, str.upper)


def has_field(pattern, message):
    """Says whether a pattern such as { $.command = "plan" } matches a line of a log."""
    name, value = re.fullmatch(r'\{ \$\.(\w+) = "(\w+)" \}', pattern).groups()
    try:
        line = json.loads(message)
    except ValueError:
        return False
    return isinstance(line, dict) and line.get(name) == value


# ---- Checks

failures = 0


def check(what, got, want):
    global failures
    if json.dumps(got, sort_keys=True, default=sorted) == json.dumps(want, sort_keys=True, default=sorted):
        return
    failures += 1
    print(f"FAILED {what}: {json.dumps(got, sort_keys=True)}, want {json.dumps(want, sort_keys=True)}", flush=True)


def writer_policy(keys):
    """Reads the writer's policy from docs/permissions.md, with other keys and Regions."""
    with open(f"{ROOT}/docs/permissions.md") as f:
        page = f.read()
    text = re.search(r"## Writer\n.*?```json\n(.*?)```", page, re.S)[1]
    for old, new in keys.items():
        if old not in text:
            raise SystemExit(f"docs/permissions.md lacks {old}")
        text = text.replace(old, new)
    return json.loads(text)


def tables(directory):
    """Hashes the files of a dataset's tables, without the address of the run in their names."""
    found = {}
    for table in ("results", "detections", "occurrences"):
        for parent, _, names in os.walk(f"{directory}/{table}"):
            for name in names:
                with open(f"{parent}/{name}", "rb") as f:
                    digest = hashlib.sha256(f.read()).hexdigest()
                found[os.path.relpath(parent, directory) + "/" + re.sub(r"^\d+-[0-9a-f]{16}-", "", name)] = digest
    return found


def start_s3(program, work):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    for d in ("s3/macie-results", "s3/lake-instances", "s3/lake-fargate", "meta"):
        os.makedirs(f"{work}/{d}")
    log = open(f"{work}/versitygw.log", "wb")
    process = subprocess.Popen([program, "--port", f"127.0.0.1:{port}", "--quiet", "--region", REGION, "posix", "--sidecar", f"{work}/meta", f"{work}/s3"],
                               stdout=log, stderr=log, env={**os.environ, "ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY})
    for _ in range(150):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"versitygw doesn't start: see {log.name}")


def deploy(name, template, compute):
    """Deploys a stack; returns what its resources are, by their names in the template."""
    ec2, cloud = boto3.client("ec2", REGION), boto3.client("cloudformation", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    parameters = {
        "Image": "registry.example/macielake:1", "ResultsBucket": "macie-results", "ResultsPrefix": "security/AWSLogs", "ResultsRegion": "eu-west-1",
        "ResultsKeyArn": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab", "LakeBucket": f"lake-{compute.lower()}",
        "LakePrefix": "macie", "Compute": compute, "VpcId": vpc, "Subnets": subnet, "Email": "night@example.com"}
    cloud.create_stack(StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM"],
                       Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()])
    stack = cloud.describe_stacks(StackName=name)["Stacks"][0]
    check(f"stack {name}", stack["StackStatus"], "CREATE_COMPLETE")
    made = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in cloud.list_stack_resources(StackName=name)["StackResourceSummaries"]}
    flow = stepfunctions_backends[ACCOUNT][REGION].describe_state_machine(made["Flow"])
    made["Flow"] = boto3.client("stepfunctions", REGION).create_state_machine(name=flow.name, definition=flow.definition, roleArn=flow.roleArn)["stateMachineArn"]
    return made


def main():
    program, gateway, work = (os.path.realpath(a) for a in sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of finally
    logging.disable()  # moto tells of each state that fails
    warnings.simplefilter("ignore")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(f"{work}/samples")
    server, s3 = start_s3(gateway, work)
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION=REGION)
    try:
        with mock_aws(config={"batch": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}):
            run(program, s3, work)
    finally:
        server.terminate()
        server.wait()
    sys.exit(failures > 0)


def run(program, s3, work):
    jobs = Jobs(program, s3)
    BatchSimpleBackend.submit_job = lambda self, job_name, job_def_id, job_queue, array_properties, **rest: \
        jobs.submit(self, job_name, job_def_id, job_queue, array_properties or {}, **rest)
    details = Job._container_details
    Job._container_details = lambda self: {**details(self), **({} if self.exit_code is None else {"exitCode": self.exit_code})}
    UnsupportedFilterPattern.matches = lambda self, message: has_field(self.term, message)
    name_as_aws()
    with open(f"{ROOT}/deploy/batch/template.yaml") as f:
        text = f.read()

    # Both forms are made.
    stacks = {}
    for compute in ("INSTANCES", "FARGATE"):
        template, schedule = for_moto(yaml.load(text, Loader))
        stacks[compute] = deploy(compute.lower(), template, compute)
        only = {"INSTANCES": {"Spot", "OnDemand", "InstanceRole", "InstanceProfile"}, "FARGATE": {"FargateTasks"}}
        for c, names in only.items():
            check(f"{compute}: resources of {c}", names & set(stacks[compute]), names if c == compute else set())
    stack = stacks["INSTANCES"]
    boto3.client("scheduler", REGION).create_schedule(
        Name="nightly", ScheduleExpression="cron(15 3 * * ? *)", ScheduleExpressionTimezone="UTC",
        FlexibleTimeWindow=schedule["FlexibleTimeWindow"],
        Target={"Arn": stack["Flow"], "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{stack['ScheduleRole']}", "Input": schedule["Target"]["Input"]})
    queues = {q["jobQueueArn"]: [e["computeEnvironment"] for e in sorted(q["computeEnvironmentOrder"], key=lambda e: e["order"])]
              for q in boto3.client("batch", REGION).describe_job_queues()["jobQueues"]}
    check("spot first, then on demand", queues[stack["WorkQueue"]], [stack["Spot"], stack["OnDemand"]])
    check("plan and commit on demand", queues[stack["SteadyQueue"]], [stack["OnDemand"]])

    # The tasks' policy is the writer's.
    policy = boto3.client("iam").get_role_policy(RoleName=stack["TaskRole"], PolicyName="writer")["PolicyDocument"]
    if isinstance(policy, str):  # moto keeps it as Python writes it
        policy = ast.literal_eval(policy)
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{stack['LakeKey']}"
    check("policy of the tasks", policy, writer_policy({
        "arn:aws:s3:::lake": "arn:aws:s3:::lake-instances",
        "arn:aws:kms:eu-central-1:444455556666:key/9876fedc-12ab-34cd-56ef-1234567890ab": key,
        "arn:aws:kms:eu-west-1:111122223333:": f"arn:aws:kms:eu-west-1:{ACCOUNT}:"}))
    print("deployed into moto with instances and with Fargate; the tasks have the writer's policy", flush=True)

    flows(program, s3, work, jobs, stacks)


def flows(program, s3, work, jobs, stacks):
    states = boto3.client("stepfunctions", REGION)

    def execute(flow):
        jobs.ran = []
        arn = states.start_execution(stateMachineArn=flow, input="{}", name=f"night-{time.time_ns()}")["executionArn"]
        for _ in range(1200):
            e = states.describe_execution(executionArn=arn)
            if e["status"] != "RUNNING":
                if e["status"] == "FAILED" and e.get("error") not in ("Failed", "LeftOut"):
                    print(e.get("error"), e.get("cause"))
                return e["status"] if e["status"] == "SUCCEEDED" else e.get("error")
            time.sleep(0.2)
        return "still running"

    store = boto3.client("s3", REGION, endpoint_url=s3, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)

    def upload(case, addition=b""):
        for parent, _, names in os.walk(f"{work}/samples/{case}"):
            for name in names:
                path = f"{parent}/{name}"
                with open(path, "rb") as f:
                    store.put_object(Bucket="macie-results", Key=os.path.relpath(path, f"{work}/samples"), Body=f.read() + addition)

    def macielake(*args, code=0):
        p = subprocess.run([program, *args], capture_output=True, text=True)
        check(" ".join(args[:2]), p.returncode, code)
        if p.returncode != code:
            print(p.stderr)

    queue = lambda name: "WorkQueue" if "WorkQueue" in name else "SteadyQueue"
    reclaimed = "Host EC2 (instance i-0123456789abcdef0) terminated."
    cases = {
        # name: (size, profile, what disturbs, how it ends, and how many attempts of work and commit there are)
        "quiet": ("40MB", "mixed", None, "SUCCEEDED", {}),
        "one_part": ("20kB", "mixed", None, "SUCCEEDED", {}),
        "host_gone": ("40MB", "mixed", lambda q, v, i, n: {"signal": signal.SIGKILL, "reason": reclaimed} if (v, i, n) == ("work", 0, 1) else None, "SUCCEEDED", {}),
        "terminated": ("40MB", "mixed", lambda q, v, i, n: {"signal": signal.SIGTERM} if (v, n) == ("work", 1) else None, "SUCCEEDED", {}),
        "time_ran_out": ("40MB", "mixed", lambda q, v, i, n: {"flags": ["--max-time", "1ms"]} if (v, n) == ("work", 1) else None, "SUCCEEDED", {}),
        "array_fails": ("40MB", "mixed", lambda q, v, i, n: {"exit": 1} if v == "work" and queue(q) == "WorkQueue" else None, "SUCCEEDED", {"commit": 1}),
        "parts_missing": ("40MB", "mixed", lambda q, v, i, n: {"exit": 0} if v == "work" and queue(q) == "WorkQueue" else None, "SUCCEEDED", {"commit": 2}),
        "never_worked": ("40MB", "mixed", lambda q, v, i, n: {"exit": 0} if v == "work" else None, "Failed", {"commit": 3}),
        "rejects": ("2MB", "hostile", None, "LeftOut", {"commit": 1}),
        "plan_refused": ("40MB", "mixed", lambda q, v, i, n: {"flags": ["--part-size", "nonsense"]} if v == "plan" else None, "Failed", {"plan": 1, "work": 0, "commit": 0}),
    }
    for case, (size, profile, disturb, end, counts) in cases.items():
        macielake("gen", f"{work}/samples/{case}", "--profile", profile, "--size", size, "--seed", "3")
        upload(case)
        jobs.case, jobs.disturb = case, disturb or (lambda *_: None)
        check(f"{case}: end", execute(stacks["INSTANCES"]["Flow"]), end)
        for verb, count in counts.items():
            check(f"{case}: attempts of {verb}", sum(v == verb for _, v, _, _ in jobs.ran), count)
        again = sum(n > 1 for _, v, _, n in jobs.ran if v == "work")
        check(f"{case}: tasks tried again", again > 0, case in ("host_gone", "terminated", "time_ran_out", "array_fails"))
        lake = f"{work}/s3/lake-instances/{case}"
        if end in ("SUCCEEDED", "LeftOut"):
            env = ["--path-style", "--endpoint-url", s3]
            os.environ.update(AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY)
            macielake("verify", f"s3://lake-instances/{case}", *env)
            macielake("convert", f"s3://macie-results/{case}", "--out", f"{work}/expected/{case}", "-q", "--part-size", "30kB", *env, code=3 if end == "LeftOut" else 0)
            got, want = tables(lake), tables(f"{work}/expected/{case}")
            check(f"{case}: tables", got == want and len(want) > 2, True)
            # Nothing is new, and no task is started.
            jobs.disturb = lambda *_: None
            check(f"{case}: end where nothing is new", execute(stacks["INSTANCES"]["Flow"]), "SUCCEEDED")
            check(f"{case}: jobs where nothing is new", [v for _, v, _, _ in jobs.ran], ["plan"])
        print(f"{case}: {end}", flush=True)

    # A source that changes later is left out, and said.
    jobs.case, jobs.disturb = "one_part", lambda *_: None
    upload("one_part", b"\n")
    check("changed: end", execute(stacks["INSTANCES"]["Flow"]), "LeftOut")

    jobs.case = "fargate"
    macielake("gen", f"{work}/samples/fargate", "--profile", "mixed", "--size", "8MB")
    upload("fargate")
    check("fargate: end", execute(stacks["FARGATE"]["Flow"]), "SUCCEEDED")
    print(f"{len(cases) + 2} flows ran on moto's Step Functions and Batch", flush=True)


main()
