# What people run: make demo, make test. The rest is for those who change things.

GO      ?= go
BUILD   := build
PROGRAM := bin/macielake
FUZZ    ?= 5s

# oracle-long and torture are not part of test: they take half an hour each.
.PHONY: build demo s3-demo bench-s3 test lint unit race fuzz oracle oracle-long athena athena-check pipes-check bench golden objects torture vulncheck clean

# Without cgo the program is static, and starts faster.
build:
	CGO_ENABLED=0 $(GO) build -o $(PROGRAM) ./cmd/macielake

# Generates a sample, converts it, and shows what came out.
demo: build
	rm -rf $(BUILD)/demo
	mkdir -p $(BUILD)/demo
	$(PROGRAM) gen $(BUILD)/demo/results --size 20MB
	$(PROGRAM) convert $(BUILD)/demo/results --out $(BUILD)/demo/lake
	$(GO) run -C bench/oracle . show --dataset $(CURDIR)/$(BUILD)/demo/lake

# The same from S3 to S3, with a server on loopback for as long as it takes. Its
# files lie below build/s3-demo/server/data: there the tables are shown.
s3-demo: build $(BUILD)/versitygw
	rm -rf $(BUILD)/s3-demo
	mkdir -p $(BUILD)/s3-demo
	$(GO) run ./bench/s3 -demo -program $(PROGRAM) -dir $(BUILD)/s3-demo
	$(GO) run -C bench/oracle . show --dataset $(CURDIR)/$(BUILD)/s3-demo/server/data/lake/macie

test: lint unit race fuzz oracle athena pipes-check

$(BUILD)/staticcheck: tools/go.mod
	$(GO) build -C tools -o ../$(BUILD)/ honnef.co/go/tools/cmd/staticcheck

lint: $(BUILD)/staticcheck
	test -z "$$(gofmt -l cmd internal pkg bench | tee /dev/stderr)"
	$(GO) vet ./...
	$(BUILD)/staticcheck ./...
	$(GO) vet -C bench/oracle ./...

# The S3 server that tests run on loopback; s3test finds it there.
$(BUILD)/versitygw: tools/go.mod tools/go.sum
	$(GO) build -C tools -o ../$(BUILD)/ github.com/versity/versitygw/cmd/versitygw
	touch $@

unit: $(BUILD)/versitygw
	$(GO) test ./...

# The packages that have goroutines of their own. What counts allocations can't
# run here: the race detector makes pools forget.
race: $(BUILD)/versitygw
	$(GO) test -race -short ./pkg/stream ./internal/convert ./internal/lake ./internal/raw ./internal/cat ./internal/query ./internal/awsclient ./internal/s3/... ./internal/doctor ./internal/macie
	$(GO) test -race -run 'Together|Lease|Twice|Receipt|Backwards' ./internal/crash
	$(GO) test -race -short -run 'Parallel|Lane|Commit|Sink' ./pkg/sink

# Each fuzz target for a moment; FUZZ=1h for more.
fuzz:
	scripts/fuzz $(FUZZ)

# DuckDB, which reads the same files with SQL of its own, must find the same
# rows in every column.
oracle: build
	$(GO) test -C bench/oracle ./...
	scripts/oracle $(PROGRAM) $(BUILD)/oracle

# The same at full size: 400 MB, five seeds.
oracle-long: build
	scripts/oracle $(PROGRAM) $(BUILD)/oracle 400MB 1 2 3 4 5

# Views and queries, as DuckDB answers them from the tables and from the raw lines.
athena: build
	scripts/athena $(PROGRAM) $(BUILD)/athena

# Also other parsers and readers, from npm: needs node and the network.
athena-check: build
	$(GO) test ./internal/athena/...
	scripts/athena $(PROGRAM) $(BUILD)/athena 8MB 1 2
	scripts/athena-npm $(BUILD)/athena

# The README's examples of pipes, as they are written there: jq, DuckDB, and
# npm's apache-arrow, which is pinned in bench/pipes. It says what it leaves out
# where one of them isn't there.
pipes-check: build
	scripts/pipes $(PROGRAM) $(BUILD)/pipes

# Summaries of ten million objects, two results each: several minutes, some GB
# of temporary files, and less than 1 GB of memory.
objects:
	MACIELAKE_OBJECTS=10000000 $(GO) test ./internal/query -run TestObjects -v -timeout 60m

# A listing of ten million keys; converters killed at every step and at random,
# power cuts, faults, and a million sources. docs/reliability.md and
# docs/performance.md have the figures of one such run.
torture:
	MACIELAKE_TORTURE=1 $(GO) test -count=1 -timeout 1h -run TestWalkMemory -v ./internal/s3
	MACIELAKE_TORTURE=1 $(GO) test -count=1 -timeout 2h ./internal/crash
	MACIELAKE_TORTURE=1 $(GO) test -C bench/oracle -count=1 -timeout 1h -run TestReadersMeanwhile .

bench: build
	scripts/bench

# Speed and memory from S3, against a server on loopback.
bench-s3: build $(BUILD)/versitygw
	$(GO) run ./bench/s3 -program $(PROGRAM)

golden:
	scripts/golden

vulncheck:
	$(GO) build -C tools -o ../$(BUILD)/ golang.org/x/vuln/cmd/govulncheck
	$(BUILD)/govulncheck ./...

clean:
	rm -rf bin $(BUILD)
