"""What was checked, and how it ended."""

import collections
import sys
import time
import traceback


class Report:
    def __init__(self, verbose=False):
        self.verbose = verbose
        self.counts = collections.Counter()  # by (engine, kind)
        self.failures = []
        self.left_out = []
        self.known = []
        self.started = time.monotonic()

    def equal(self, engine, kind, sample, what, check):
        """Runs check, which raises if something isn't as it should be."""
        try:
            check()
        except Exception as e:
            text = " ".join(str(e).split())[:400] or repr(e)
            self.failures.append((engine, kind, sample, what, text))
            if not self.verbose and len([f for f in self.failures if f[:3] == (engine, kind, sample)]) > 3:
                return False  # counted below
            print(f"DIFFERENT {engine} {kind}: {sample}, {what}: {type(e).__name__}: {text}", flush=True)
            if self.verbose:
                traceback.print_exc(file=sys.stderr)
            return False
        self.counts[engine, kind] += 1
        return True

    def leave_out(self, what, why):
        self.left_out.append((what, why))
        print(f"LEFT OUT {what}: {why}", flush=True)

    def step(self, text):
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", flush=True)

    def end(self):
        """Prints the totals and returns the exit code: 0 only if everything ran and
        was equal, 1 for a difference, 3 if something was left out."""
        print()
        kinds = sorted({k for _, k in self.counts} | {f[1] for f in self.failures})
        failed = collections.Counter((f[0], f[1]) for f in self.failures)
        for engine in sorted({e for e, _ in self.counts} | {f[0] for f in self.failures}):
            cells = [f"{k} {self.counts[engine, k]} equal" + (f", {failed[engine, k]} DIFFERENT" if failed[engine, k] else "")
                     for k in kinds if self.counts[engine, k] or failed[engine, k]]
            print(f"{engine:10} {'; '.join(cells)}")
        for what, why in self.left_out:
            print(f"LEFT OUT {what}: {why}")
        self.step(f"{sum(self.counts.values())} checks equal, {len(self.failures)} different, {len(self.left_out)} left out")
        return 1 if self.failures else 3 if self.left_out else 0
