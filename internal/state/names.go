package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// Names of files and directories of a dataset.
const (
	RunsTable = "runs" // of the table of committed runs

	DatasetName = store.StateDir + "/dataset.json"
	DroppedName = store.StateDir + "/dropped.json"
	ProbeName   = store.StateDir + "/probe.json" // shows that a store keeps create-only files

	RunsDir     = store.StateDir + "/runs"
	PlansDir    = store.StateDir + "/plans"
	ReceiptsDir = store.StateDir + "/receipts"
	LedgerDir   = store.StateDir + "/ledger"
	LeasesDir   = store.StateDir + "/leases"
	StagingDir  = store.StateDir + "/staging"
	RejectsDir  = store.StateDir + "/rejects"
	LooksDir    = store.StateDir + "/looks"
	CaveatsDir  = store.StateDir + "/caveats"
)

// Address is the name of everything that belongs to one run. The nonce is the run's
// own and begins with that of the dataset, so that what a converter of another
// dataset, or of a copy of this one, has written is told apart. Only a claim has no
// more than the number and the dataset: of all converters of one dataset that want a
// number, one gets it.
type Address struct {
	Number int
	// Nonce is 16 hexadecimal digits: 8 of the dataset's ID and 8 random; of a
	// claim's name only the first 8.
	Nonce string
}

// idDigits is how many digits of a run's nonce are of the dataset's ID.
const idDigits = 8

// NewAddress returns the address of a new run of a dataset.
func NewAddress(d *Dataset, number int) Address {
	return Address{number, d.ID[:idDigits] + NewNonce()[:nonceDigits-idDigits]}
}

func (a Address) String() string { return RunNumber(a.Number) + "-" + a.Nonce }

// Of reports whether the address is one of the dataset's.
func (a Address) Of(d *Dataset) bool { return strings.HasPrefix(a.Nonce, d.ID[:idDigits]) }

// Part is the beginning of the names of a part's files.
func (a Address) Part(part int) string { return fmt.Sprintf("%s-%05d", a, part) }

// RunNumber is a run's number as names have it.
func RunNumber(n int) string { return fmt.Sprintf("%06d", n) }

// ParseNumber reads a run's number as RunNumber writes it, or as people do.
func ParseNumber(s string) (int, bool) {
	n, ok := number(s)
	return n, ok && n > 0
}

// number reads a number of a run, part or file.
func number(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

// ClaimName is the file of the claim of a dataset's run.
func ClaimName(d *Dataset, n int) string {
	return path.Join(RunsDir, Address{n, d.ID[:idDigits]}.String()+".json")
}

// EndName is the file of a run's end record.
func EndName(a Address) string { return path.Join(RunsDir, a.String()+".end.json") }

// RemovedName is the file that says that the files of an abandoned run are removed.
func RemovedName(a Address) string { return path.Join(RunsDir, a.String()+".removed.json") }

// ReceiptName is the file of the receipt of a run's part.
func ReceiptName(a Address, part int) string {
	return path.Join(ReceiptsDir, a.String(), fmt.Sprintf("%05d.json", part))
}

// SegmentName is the file of a segment of a plan.
func SegmentName(s Segment) string { return planName(s.SHA256) }

func planName(segment string) string { return path.Join(PlansDir, segment+".jsonl.gz") }

// Staging is the directory in which an attempt at a part writes its files.
func Staging(a Address, part int, attempt string) string {
	return path.Join(StagingDir, a.Part(part)+"-"+attempt)
}

// RowStaging is the directory in which a row of the runs table is written.
func RowStaging(a Address, attempt string) string {
	return path.Join(StagingDir, a.String()+"-row-"+attempt)
}

// StagedName is the name in its staging directory of a file that will be
// published as name: one directory holds them all, and one sync their names.
func StagedName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}

// RejectsName is where a part's rejects are published.
func RejectsName(a Address, part int) string { return path.Join(RejectsDir, a.Part(part)+".jsonl") }

// RowName is the file with a run's row of the runs table.
func RowName(a Address, tableFormat string) string {
	return path.Join(RunsTable, a.String()+"."+tableFormat)
}

// PartLease names the lease on a part.
func PartLease(a Address, part int) string { return a.Part(part) }

// CommitLease names the lease on publishing a run and ending it.
func CommitLease(a Address) string { return a.String() + "-commit" }

// LeaseName is the file of a lease.
func LeaseName(lease string) string { return path.Join(LeasesDir, lease+".json") }

// Tables are the directories of all tables that a dataset can have.
func Tables() []string {
	names := []string{RunsTable}
	for _, t := range schema.Tables() {
		names = append(names, t.Name)
	}
	return names
}

// Kind is what a file is by its name.
type Kind uint8

// Kinds of files.
const (
	Unknown   Kind = iota // nothing that this package names
	Record                // dataset.json, dropped.json, probe.json
	ClaimFile             // Address has only the number and the dataset
	EndFile
	RemovedFile
	ReceiptFile
	PlanFile
	LedgerFile
	LeaseFile
	StagedFile
	StagedRow // a row of the runs table
	RejectFile
	LookFile
	CaveatFile
	RowFile
	TableFile
	Temporary // a file of the state that never got its name
)

// Name is what the name of a file says.
type Name struct {
	Kind    Kind
	Address Address
	Part    int    // of a receipt, staged, rejects or table file, or a lease; -1 for the lease on a commit
	Attempt string // of a staged file
}

// ParseName reads the name of a file of a dataset. It never fails: what isn't a
// name of this package's is Unknown.
func ParseName(name string) Name {
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	if dir == store.StateDir && slices.Contains([]string{DatasetName, DroppedName, ProbeName}, name) {
		return Name{Kind: Record}
	}
	if !strings.HasPrefix(name, store.StateDir+"/") {
		return parseTableName(name)
	}
	if isTemporary(base) {
		return Name{Kind: Temporary}
	}
	stem := strings.TrimSuffix(base, ".json")
	switch dir {
	case RunsDir:
		first, id, _ := strings.Cut(stem, "-")
		if n, ok := number(first); ok && isHex(id, idDigits) && base == (Address{n, id}).String()+".json" {
			return Name{Kind: ClaimFile, Address: Address{n, id}}
		}
		kinds := map[string]Kind{".end": EndFile, ".removed": RemovedFile}
		if a, rest, ok := parseAddress(stem); ok && kinds[rest] != Unknown && stem != base {
			return Name{Kind: kinds[rest], Address: a}
		}
	case PlansDir:
		if isHex(strings.TrimSuffix(base, ".jsonl.gz"), 2*sha256.Size) && strings.HasSuffix(base, ".jsonl.gz") {
			return Name{Kind: PlanFile}
		}
	case LedgerDir:
		return Name{Kind: LedgerFile}
	case LooksDir:
		return Name{Kind: LookFile}
	case CaveatsDir:
		return Name{Kind: CaveatFile}
	case LeasesDir:
		if a, rest, ok := parseAddress(stem); ok && rest == "-commit" {
			return Name{Kind: LeaseFile, Address: a, Part: -1}
		} else if part, ok := parsePart(rest); ok {
			return Name{Kind: LeaseFile, Address: a, Part: part}
		}
	case RejectsDir:
		a, rest, _ := parseAddress(strings.TrimSuffix(base, ".jsonl"))
		if part, ok := parsePart(rest); ok && RejectsName(a, part) == name {
			return Name{Kind: RejectFile, Address: a, Part: part}
		}
	}
	switch within, last := path.Split(dir); strings.TrimSuffix(within, "/") {
	case ReceiptsDir:
		a, rest, ok := parseAddress(last)
		if part, numbered := number(stem); ok && rest == "" && numbered && ReceiptName(a, part) == name {
			return Name{Kind: ReceiptFile, Address: a, Part: part}
		}
	case StagingDir:
		a, rest, _ := parseAddress(last)
		if attempt, ok := strings.CutPrefix(rest, "-row-"); ok && isHex(attempt, nonceDigits) {
			return Name{Kind: StagedRow, Address: a, Attempt: attempt}
		}
		middle, attempt, _ := cutLast(rest, "-")
		if part, ok := parsePart(middle); ok && isHex(attempt, nonceDigits) {
			return Name{Kind: StagedFile, Address: a, Part: part, Attempt: attempt}
		}
	}
	return Name{}
}

// parseTableName reads the name of a file beside the state.
func parseTableName(name string) Name {
	table, _, _ := strings.Cut(name, "/")
	stem := path.Base(name)
	ext := path.Ext(stem)
	if !slices.Contains(Tables(), table) || ext != ".parquet" && ext != ".arrow" {
		return Name{}
	}
	a, rest, ok := parseAddress(strings.TrimSuffix(stem, ext))
	if !ok {
		return Name{}
	}
	if table == RunsTable {
		if RowName(a, ext[1:]) == name {
			return Name{Kind: RowFile, Address: a}
		}
		return Name{}
	}
	middle, k, _ := cutLast(rest, "-")
	part, ok := parsePart(middle)
	if _, numbered := number(k); !ok || !numbered {
		return Name{}
	}
	return Name{Kind: TableFile, Address: a, Part: part}
}

// parseAddress reads an address at the beginning of a name, and returns what
// follows.
func parseAddress(s string) (a Address, rest string, ok bool) {
	first, after, _ := strings.Cut(s, "-")
	n, numbered := number(first)
	if !numbered || RunNumber(n) != first || len(after) < nonceDigits || !isHex(after[:nonceDigits], nonceDigits) {
		return Address{}, "", false
	}
	return Address{n, after[:nonceDigits]}, after[nonceDigits:], true
}

// parsePart reads what Address.Part puts after the address.
func parsePart(s string) (int, bool) {
	part, ok := number(strings.TrimPrefix(s, "-"))
	return part, ok && s == fmt.Sprintf("-%05d", part)
}

// cutLast cuts s at the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// isTemporary reports whether a file has the name under which a store writes a
// file before it gets its own.
func isTemporary(base string) bool {
	dot := strings.LastIndexByte(base, '.')
	return dot > 0 && base[0] == '.' && isHex(base[dot+1:], nonceDigits)
}
