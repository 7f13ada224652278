package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
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

// form is what names of files look like. Its groups run, nonce, part and attempt are
// what a Name has, beside what all names of the form have.
type form struct {
	name Name
	*regexp.Regexp
}

// forms are those of all names; the first that a name has is its own.
var forms = func() []form {
	const (
		hex   = `[0-9a-f]`
		run   = `(?P<run>\d{6}|[1-9]\d{6,})`
		whose = run + `-(?P<nonce>` + hex + `{16})`
		part  = `-(?P<part>\d{5}|[1-9]\d{5,})`
		tried = `-(?P<attempt>` + hex + `{16})/[^/]*`
	)
	f := func(name Name, pattern ...string) form {
		return form{name, regexp.MustCompile(`(?s)\A` + strings.Join(pattern, "") + `\z`)}
	}
	tables := strings.Join(Tables()[1:], "|")
	return []form{
		f(Name{Kind: TableFile}, `(?:`, tables, `)/(?:.*/)?`, whose, part, `-(?P<file>\d+)\.(?:parquet|arrow)`),
		f(Name{Kind: RowFile}, RunsTable, `/`, whose, `\.(?:parquet|arrow)`),
		f(Name{Kind: Temporary}, store.StateDir, `/(?:.*/)?\.[^/]*\.`, hex, `{16}`),
		f(Name{Kind: ReceiptFile}, ReceiptsDir, `/`, whose, strings.Replace(part, "-", "/", 1), `\.json`),
		f(Name{Kind: StagedFile}, StagingDir, `/`, whose, part, tried),
		f(Name{Kind: StagedRow}, StagingDir, `/`, whose, `-row`, tried),
		f(Name{Kind: LeaseFile}, LeasesDir, `/`, whose, part, `(?:\.json)?`),
		f(Name{Kind: LeaseFile, Part: -1}, LeasesDir, `/`, whose, `-commit(?:\.json)?`),
		f(Name{Kind: ClaimFile}, RunsDir, `/`, run, `-(?P<nonce>`, hex, `{8})\.json`),
		f(Name{Kind: EndFile}, RunsDir, `/`, whose, `\.end\.json`),
		f(Name{Kind: RemovedFile}, RunsDir, `/`, whose, `\.removed\.json`),
		f(Name{Kind: RejectFile}, RejectsDir, `/`, whose, part, `\.jsonl`),
		f(Name{Kind: PlanFile}, PlansDir, `/`, hex, `{64}\.jsonl\.gz`),
		f(Name{Kind: LedgerFile}, LedgerDir, `/[^/]*`),
		f(Name{Kind: LookFile}, LooksDir, `/[^/]*`),
		f(Name{Kind: CaveatFile}, CaveatsDir, `/[^/]*`),
		f(Name{Kind: Record}, store.StateDir, `/(?:dataset|dropped|probe)\.json`),
	}
}()

// ParseName reads the name of a file of a dataset. It never fails: what isn't a
// name of this package's is Unknown.
func ParseName(name string) Name {
	for _, f := range forms {
		values := f.FindStringSubmatch(name)
		if values == nil {
			continue
		}
		n := f.name
		for i, group := range f.SubexpNames() {
			number, inRange := number(values[i])
			switch group {
			case "nonce":
				n.Address.Nonce = values[i]
				continue
			case "attempt":
				n.Attempt = values[i]
				continue
			case "run":
				n.Address.Number = number
			case "part":
				n.Part = number
			}
			if group != "" && !inRange {
				return Name{}
			}
		}
		return n
	}
	return Name{}
}
