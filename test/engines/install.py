"""What the harness needs, installed once into a cache that fresh clones find.

Only the standard library is used: this runs before anything is installed.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile

TRINO = "476"  # the last version whose server is on Maven Central
TRINO_JAVA, SPARK_JAVA = 24, 17
HERE = os.path.dirname(os.path.abspath(__file__))


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    directory = os.path.join(base, "macielake", "engines")
    os.makedirs(directory, exist_ok=True)
    return directory


def venv():
    """Returns the Python of a virtual environment with the pinned packages."""
    requirements = os.path.join(HERE, "requirements.txt")
    with open(requirements, "rb") as f:
        digest = hashlib.sha256(f.read() + sys.version.encode()).hexdigest()[:16]
    home = os.path.join(cache(), f"python-{digest}")
    python = os.path.join(home, "bin", "python")
    if not os.path.exists(os.path.join(home, "complete")):
        print(f"installing Python packages into {home}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", requirements], check=True)
        open(os.path.join(home, "complete"), "w").close()
    return python


def java(least):
    """Returns the home of the oldest JDK or JRE of at least that version, or None."""
    homes = [os.environ.get("JAVA_HOME")]
    if shutil.which("java"):
        homes.append(os.path.dirname(os.path.dirname(os.path.realpath(shutil.which("java")))))
    for parent in ("/usr/lib/jvm", "/Library/Java/JavaVirtualMachines"):
        if os.path.isdir(parent):
            homes += [os.path.join(parent, d) for d in sorted(os.listdir(parent))]
    found = []
    for home in homes:
        for candidate in (home, home and os.path.join(home, "Contents", "Home")):
            program = candidate and os.path.join(candidate, "bin", "java")
            if program and os.path.exists(program):
                text = subprocess.run([program, "-version"], capture_output=True, text=True).stderr
                m = re.search(r'version "(\d+)', text)
                if m and int(m[1]) >= least:
                    found.append((int(m[1]), candidate))
    return min(found)[1] if found else None


def trino():
    """Returns the folder of a Trino server with the Hive connector alone."""
    home = os.path.join(cache(), f"trino-{TRINO}")
    if os.path.exists(os.path.join(home, "complete")):
        return home
    print(f"installing Trino {TRINO} into {home}: a download of 0.8 GB", flush=True)
    work = home + ".new"
    shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    subprocess.run(["mvn", "--batch-mode", "--quiet", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy",
                    f"-Dartifact=io.trino:trino-server:{TRINO}:tar.gz", f"-DoutputDirectory={work}"], check=True)
    archive = os.path.join(work, f"trino-server-{TRINO}.tar.gz")
    extract(archive, work)
    os.remove(archive)
    open(os.path.join(work, "complete"), "w").close()
    os.rename(work, home)
    return home


def extract(archive, home):
    """Extracts the server and the Hive connector. Most files of a connector are
    hard links to those of the first connector that has them."""

    def wanted(name):
        parts = name.split("/")
        return len(parts) > 2 and (parts[1] == "lib" or parts[1:3] == ["plugin", "hive"])

    copies = {}  # by name in the archive: where its content goes
    with tarfile.open(archive) as t:
        for m in t:
            if wanted(m.name) and (m.isfile() or m.islnk()):
                copies.setdefault(m.linkname if m.islnk() else m.name, []).append(m.name.split("/", 1)[1])
    with tarfile.open(archive) as t:
        for m in t:
            if m.isfile() and m.name in copies:
                first, *others = [os.path.join(home, n) for n in copies[m.name]]
                os.makedirs(os.path.dirname(first), exist_ok=True)
                with open(first, "wb") as f:
                    shutil.copyfileobj(t.extractfile(m), f)
                for other in others:
                    os.makedirs(os.path.dirname(other), exist_ok=True)
                    os.link(first, other)
