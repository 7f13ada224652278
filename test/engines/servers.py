"""The servers that an engine needs, on loopback, ended with the harness: an S3
store (versitygw), a Glue catalog (moto), Trino, and a stand-in for Athena that
hands statements to Trino."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ACCESS_KEY, SECRET_KEY, REGION = "AKIAMACIELAKETEST", "only-for-the-server-on-loopback/secret", "us-east-1"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Servers:
    """Processes with their logs below a directory; a context manager."""

    def __init__(self, work):
        self.work, self.processes = work, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in reversed(self.processes):
            p.send_signal(signal.SIGTERM)
        for p in reversed(self.processes):
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()

    def start(self, name, command, ready, seconds, **options):
        """Starts a server and waits until ready() doesn't fail."""
        log = open(f"{self.work}/{name}.log", "wb")
        process = subprocess.Popen(command, stdout=options.pop("stdout", log), stderr=log, **options)
        self.processes.append(process)
        deadline = time.monotonic() + seconds
        while True:
            try:
                return process, ready(process)
            except OSError as e:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{name} doesn't start ({e}); see {log.name}")
                time.sleep(0.2)

    def s3(self, program, bucket):
        """Starts versitygw; returns its URL and the directory of its files."""
        data, meta, port = f"{self.work}/s3", f"{self.work}/meta", free_port()
        os.makedirs(f"{data}/{bucket}")
        os.makedirs(meta)
        self.start("versitygw", [program, "--port", f"127.0.0.1:{port}", "--quiet", "--keep-alive", "--region", REGION,
                                 "posix", "--sidecar", meta, data],
                   lambda _: socket.create_connection(("127.0.0.1", port)).close(), 30,
                   env={**os.environ, "ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY})
        return f"http://127.0.0.1:{port}", f"{data}/{bucket}"

    def glue(self):
        port = free_port()
        self.start("moto", [os.path.join(os.path.dirname(sys.executable), "moto_server"), "-H", "127.0.0.1", "-p", str(port)],
                   lambda _: socket.create_connection(("127.0.0.1", port)).close(), 60)
        return f"http://127.0.0.1:{port}"

    def trino(self, home, java, s3, glue):
        """Starts Trino with the catalog awsdatacatalog, as Athena names its own."""
        directory, port = f"{self.work}/trino", free_port()
        os.makedirs(f"{directory}/etc/catalog")
        credentials = {"region": REGION, "aws-access-key": ACCESS_KEY, "aws-secret-key": SECRET_KEY}
        write_properties(f"{directory}/etc/config.properties", {
            "coordinator": "true", "node-scheduler.include-coordinator": "true",
            "http-server.http.port": port, "discovery.uri": f"http://127.0.0.1:{port}", "node.internal-address": "127.0.0.1",
            "query.max-memory-per-node": "1GB",
            "query.remote-task.max-error-duration": "10m",  # on a busy machine the server may not answer itself for a minute
            "catalog.config-dir": f"{directory}/etc/catalog", "plugin.dir": f"{home}/plugin",
            "node.environment": "engines", "node.id": "engines"})
        write_properties(f"{directory}/etc/log.properties", {"io.trino": "WARN"})
        write_properties(f"{directory}/etc/catalog/awsdatacatalog.properties", {
            "connector.name": "hive", "hive.metastore": "glue", "hive.metastore.glue.endpoint-url": glue,
            **{f"hive.metastore.glue.{k}": v for k, v in credentials.items()},
            "hive.partition-projection-enabled": "true",
            "hive.table-statistics-enabled": "false",  # moto has no statistics of columns, and each request is tried ten times
            "fs.native-s3.enabled": "true", "s3.endpoint": s3, "s3.path-style-access": "true",
            **{f"s3.{k}": v for k, v in credentials.items()}})

        def ready(_):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/info") as r:
                if b'"starting":false' not in r.read():
                    raise OSError("it is starting")

        self.start("trino", [f"{java}/bin/java", "-Xmx2500m", "-XX:+UseSerialGC", "--add-modules=jdk.incubator.vector",
                             "--enable-native-access=ALL-UNNAMED", f"-Dlog.levels-file={directory}/etc/log.properties",
                             f"-Dconfig={directory}/etc/config.properties", "-cp", f"{home}/lib/*", "io.trino.server.TrinoServer"],
                   ready, 240, cwd=directory)
        return f"http://127.0.0.1:{port}"

    def athena(self, program, trino):
        """Starts the stand-in for Athena's API."""
        def ready(process):
            return process.stdout.readline().decode().strip()

        _, url = self.start("athena", [program, "--trino", trino], ready, 30, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return url


def write_properties(file, properties):
    with open(file, "w", encoding="utf-8") as f:
        for k, v in properties.items():
            f.write(f"{k}={v}\n")


def environment(s3, glue, athena):
    """The environment that sends macielake to the servers."""
    return {**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": s3, "AWS_ENDPOINT_URL_GLUE": glue, "AWS_ENDPOINT_URL_ATHENA": athena}
