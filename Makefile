# What people run: make demo, make test. The rest is for those who change things.

GO      ?= go
BUILD   := build
PROGRAM := bin/macielake
FUZZ    ?= 1s

# One set of flags for all Go commands, so that tests use the packages that build
# has compiled. -trimpath keeps this machine's paths out of the program. The others
# compile less: arrow_json_stdlib leaves a JSON library out that nothing here uses,
# and debug information would be stripped anyway (GOFLAGS= go build has it).
export GOFLAGS := $(GOFLAGS) -trimpath -tags=arrow_json_stdlib -gcflags=all=-dwarf=false
# Without cgo the program is static, and starts faster.
NOCGO := CGO_ENABLED=0 $(GO)

.PHONY: build demo test lint unit race fuzz oracle athena pipes-check s3-demo \
	engines oracle-long athena-check report-check report-picture slurm-check objects torture scale simulate bench bench-s3 golden vulncheck clean

# ---- Use

# The version and the commit come from version control: macielake version.
build:
	@test -e $(PROGRAM) || echo "Compiling macielake and its libraries: some minutes on a machine that has compiled none of them, seconds afterwards."
	$(NOCGO) build -ldflags "-s -w" -o $(PROGRAM) ./cmd/macielake

# Generates a sample, converts it, and shows first rows of each table and an overview.
FIRST_ROWS := $(PROGRAM) cat $(BUILD)/demo/lake --output table --limit 3 --table
demo: build
	rm -rf $(BUILD)/demo
	mkdir -p $(BUILD)/demo
	$(PROGRAM) gen $(BUILD)/demo/results --profile history
	$(PROGRAM) convert $(BUILD)/demo/results --out $(BUILD)/demo/lake
	$(FIRST_ROWS) results --columns bucket_name,object_key,status_code,severity,occurrence_count
	$(FIRST_ROWS) detections --columns object_key,detection_type,occurrence_count,location_count
	$(FIRST_ROWS) occurrences --columns object_key,detection_type,cell_reference,line_start,json_path
	$(PROGRAM) summarize $(BUILD)/demo/lake
	$(PROGRAM) report $(BUILD)/demo/lake --output $(BUILD)/demo/report.html

# The same from S3 to S3, with a server on loopback whose files lie below
# build/s3-demo/server/data.
s3-demo: build $(BUILD)/versitygw
	rm -rf $(BUILD)/s3-demo
	mkdir -p $(BUILD)/s3-demo
	$(NOCGO) run ./bench/s3 -demo -program $(PROGRAM) -dir $(BUILD)/s3-demo
	$(PROGRAM) summarize $(BUILD)/s3-demo/server/data/lake/macie

clean:
	rm -rf bin $(BUILD)

# ---- Tests: continuous integration runs make test

test: lint unit race fuzz oracle athena pipes-check

# gofmt, vet, staticcheck; internal holds the rules on imports, on references in
# comments and pages, and on what is committed.
lint: $(BUILD)/staticcheck
	test -z "$$(gofmt -l cmd internal pkg bench test | tee /dev/stderr)"
	$(NOCGO) vet ./...
	CGO_ENABLED=0 $(BUILD)/staticcheck ./...
	$(GO) vet -C test/oracle ./...
	$(NOCGO) test ./internal

# Four packages at a time: many tests wait for a server or a lease.
unit: $(BUILD)/versitygw
	$(NOCGO) test -p 4 -timeout 30m ./...

# The packages that have goroutines of their own, with a limit on each that a busy
# machine doesn't reach. Tests that count allocations can't run here: the race
# detector makes pools forget. Tests of formats and answers are skipped that take
# long and have no goroutines besides a server's.
ALONE := TestHostileRejects|TestSpoiledObjects|TestTruncation|TestReadSizes|TestInventory|TestLies|TestAnswersAreBounded|TestWalkDescend
race: $(BUILD)/versitygw
	$(GO) test -p 4 -timeout 30m -race -short -skip '$(ALONE)' ./pkg/stream ./internal/convert ./internal/coord ./internal/current ./internal/spill ./internal/maintain ./internal/lake ./internal/raw ./internal/cat ./internal/query ./internal/awsclient ./internal/s3/... ./internal/doctor ./internal/macie
	$(GO) test -timeout 30m -race -run 'Together|Lease|Twice|Receipt|Backwards' ./internal/crash
	$(GO) test -timeout 30m -race -short -run 'Parallel|Lane|Commit|Sink' ./pkg/sink

# Each fuzz target for a moment; FUZZ=1h for more.
fuzz:
	CGO_ENABLED=0 scripts/fuzz $(FUZZ)

# DuckDB, which reads the same files with SQL of its own, must find the same
# rows in every column.
oracle: build
	$(GO) test -C test/oracle -count=1 ./...
	scripts/oracle $(PROGRAM) $(BUILD)/oracle

# Views and queries, as DuckDB answers them from the tables and from the raw lines.
athena: build
	scripts/athena $(PROGRAM) $(BUILD)/athena

# The README's examples of pipes, as they are written there: jq, DuckDB, and
# npm's apache-arrow, which is pinned in bench/pipes. It says what it leaves out
# where one of them isn't there.
pipes-check: build
	scripts/pipes $(PROGRAM) $(BUILD)/pipes

# Trino, Spark, pyarrow, pandas, polars and DuckDB read every column of samples,
# and Trino runs every view and query on what register made. Needs python3, Maven,
# Java 17 for Spark and 24 for Trino; installs the engines once, below
# ~/.cache/macielake. Whatever is missing is named, and the exit code isn't 0 then.
ENGINES := $(BUILD)/engines-tools
engines: $(BUILD)/versitygw
	$(NOCGO) build -o $(ENGINES)/ ./cmd/macielake ./test/engines/...
	$(GO) build -C test/oracle -o ../../$(ENGINES)/ . ./ties
	cp $(BUILD)/versitygw $(ENGINES)/
	@command -v python3 >/dev/null || { echo "LEFT OUT all engines: no python3" >&2; exit 3; }
	python3 test/engines/run.py --program $(ENGINES)/macielake --tools $(ENGINES) --work $(BUILD)/engines

# Reports in Chromium: figures, sections, safety, accessibility, print; on screens and
# phones, light and dark. It says what it leaves out where node or Chromium isn't there.
# Screenshots and PDFs stay in build/report/pages.
report-check: build
	scripts/report $(PROGRAM) $(BUILD)/report

# deploy/slurm on a Slurm of its own: a node that dies, a task that is preempted, one that
# is requeued. It says what it leaves out where Slurm isn't there.
slurm-check: build
	test/slurm/run $(PROGRAM) $(BUILD)/slurm

# What deploy has, run as far as this machine can. Each says what it leaves out, and the
# others run all the same.
.PHONY: image image-check kubernetes-check batch-check deploy-check
deploy-check: build
	$(MAKE) --keep-going slurm-check image-check kubernetes-check batch-check

# The container image, as macielake:latest: needs buildah, podman or docker.
image: build
	deploy/image/build $(PROGRAM) macielake:latest

# Built twice and started, also with an S3 server over TLS.
image-check: build $(BUILD)/versitygw
	test/image/run $(PROGRAM) $(BUILD)/image $(BUILD)/versitygw

# The manifests, read by the types of the API; their script, with a stand-in for kubectl.
kubernetes-check: build
	MACIELAKE_PROGRAM=$(abspath $(PROGRAM)) $(GO) test -C test/kubernetes -count=1 ./...

# The template, read by cfn-lint and deployed into moto, and its state machine executed
# there. Needs python3; installs packages once, below ~/.cache/macielake.
batch-check: build $(BUILD)/versitygw
	@command -v python3 >/dev/null || { echo "LEFT OUT AWS Batch: no python3" >&2; exit 3; }
	python3 test/batch/run $(PROGRAM) $(BUILD)/versitygw $(BUILD)/batch

# The README's picture.
report-picture: build
	scripts/report $(PROGRAM) $(BUILD)/report docs/report.png

# ---- Longer tests: half an hour each

# The oracle at full size: 400 MB, five seeds.
oracle-long: build
	scripts/oracle $(PROGRAM) $(BUILD)/oracle 400MB 1 2 3 4 5

# Other parsers and readers of SQL and Parquet, from npm: needs node and the network.
athena-check: build
	$(NOCGO) test ./internal/athena/...
	scripts/athena $(PROGRAM) $(BUILD)/athena 8MB 1 2
	scripts/athena-npm $(BUILD)/athena

# Summaries of ten million objects, two results each: several minutes, some GB
# of temporary files, and less than 1 GB of memory.
objects:
	MACIELAKE_OBJECTS=10000000 $(NOCGO) test ./internal/query -run TestObjects -v -timeout 60m

# Publishing 10,000 parts at 50 ms per request, and loading the ledger of 30 million
# sources: the figures of docs/scale.md.
scale:
	MACIELAKE_SCALE_PARTS=10000 MACIELAKE_SCALE_DELAY=50ms $(NOCGO) test -count=1 -timeout 30m -v ./internal/scale
	MACIELAKE_SCALE_SOURCES=30000000 $(NOCGO) test -count=1 -timeout 30m -run AtScale -v ./internal/coord

# Up to 200 workers on one run, of which some die, in virtual time: the table of
# docs/scale.md. Six minutes.
simulate:
	MACIELAKE_SIMULATE=1 $(NOCGO) test -count=1 -timeout 30m -run Simulation -v ./internal/scale

# A listing of ten million keys; every file of a dataset damaged in every way;
# commands stopped while others work, killed at every step and at random; power
# cuts, faults, a lying S3, and a million sources. The lines that begin with
# "torture:" count the cases. docs/reliability.md and docs/performance.md have the
# figures of one such run.
torture: $(BUILD)/versitygw
	MACIELAKE_TORTURE=1 $(NOCGO) test -count=1 -timeout 1h -run TestWalkMemory -v ./internal/s3
	MACIELAKE_TORTURE=1 $(NOCGO) test -count=1 -timeout 1h -run TestDamagedState -v ./cmd/macielake
	MACIELAKE_TORTURE=1 $(NOCGO) test -count=1 -timeout 3h -v ./internal/crash
	MACIELAKE_TORTURE=1 $(GO) test -C test/oracle -count=1 -timeout 1h -run TestReadersMeanwhile .

# ---- Measurements

bench: build
	scripts/bench

# Speed and memory from S3, against a server on loopback.
bench-s3: build $(BUILD)/versitygw
	$(NOCGO) run ./bench/s3 -program $(PROGRAM)

# ---- Maintenance

# Writes testdata and the expected rows anew: read the diff.
golden:
	scripts/golden

# Known vulnerabilities of the dependencies: needs the network.
vulncheck: $(BUILD)/govulncheck
	$(BUILD)/govulncheck ./...

# Tools, at the versions that tools/go.mod pins. versitygw is the S3 server that
# tests run on loopback: s3test finds it here.
$(BUILD)/staticcheck: tools/go.mod tools/go.sum
	$(NOCGO) build -C tools -o ../$(BUILD)/ honnef.co/go/tools/cmd/staticcheck
	touch $@

$(BUILD)/versitygw: tools/go.mod tools/go.sum
	$(NOCGO) build -C tools -o ../$(BUILD)/ github.com/versity/versitygw/cmd/versitygw
	touch $@

$(BUILD)/govulncheck: tools/go.mod tools/go.sum
	$(NOCGO) build -C tools -o ../$(BUILD)/ golang.org/x/vuln/cmd/govulncheck
	touch $@
