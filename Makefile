# What people run: make demo, make test. The rest is for those who change things.

GO      ?= go
BUILD   := build
PROGRAM := bin/macielake
FUZZ    ?= 10s

# oracle-long and torture are not part of test: they take half an hour each.
.PHONY: build demo test lint unit race fuzz oracle oracle-long torture bench golden vulncheck clean

build:
	$(GO) build -o $(PROGRAM) ./cmd/macielake

# Generates a sample, converts it, and shows what came out.
demo: build
	rm -rf $(BUILD)/demo
	mkdir -p $(BUILD)/demo
	$(PROGRAM) gen $(BUILD)/demo/results --size 20MB
	$(PROGRAM) convert $(BUILD)/demo/results --out $(BUILD)/demo/lake
	$(GO) run -C bench/oracle . show --dataset $(CURDIR)/$(BUILD)/demo/lake

test: lint unit race fuzz oracle

$(BUILD)/staticcheck: tools/go.mod
	$(GO) build -C tools -o ../$(BUILD)/ honnef.co/go/tools/cmd/staticcheck

lint: $(BUILD)/staticcheck
	test -z "$$(gofmt -l cmd internal pkg bench | tee /dev/stderr)"
	$(GO) vet ./...
	$(BUILD)/staticcheck ./...
	$(GO) vet -C bench/oracle ./...

unit:
	$(GO) test ./...

# The packages that have goroutines of their own. What counts allocations can't
# run here: the race detector makes pools forget.
race:
	$(GO) test -race -short ./pkg/stream ./internal/convert
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

# Converters killed at every step and at random, power cuts, faults, and a
# million sources; docs/reliability.md has the figures of one such run.
torture:
	MACIELAKE_TORTURE=1 $(GO) test -count=1 -timeout 2h ./internal/crash
	MACIELAKE_TORTURE=1 $(GO) test -C bench/oracle -count=1 -timeout 1h -run TestReadersMeanwhile .

bench: build
	scripts/bench

golden:
	scripts/golden

vulncheck:
	$(GO) build -C tools -o ../$(BUILD)/ golang.org/x/vuln/cmd/govulncheck
	$(BUILD)/govulncheck ./...

clean:
	rm -rf bin $(BUILD)
