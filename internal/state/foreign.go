package state

import (
	"cmp"
	"fmt"
	"slices"
)

// Foreign collects the files of runs of other datasets by their names. The zero value
// has none.
//
// A writer that was stopped while its dataset was dropped leaves at most what it
// writes after its last Fence: a claim without any later record of that run, or a
// later record whose claim the drop has removed. A run that has both was not left by
// a writer: its dataset lies here, and was copied into this one, or dataset.json is
// not the one that belongs to it.
type Foreign struct {
	claims, records map[Address]string // by the address in the claim's name
}

// ForeignRun is a run of another dataset that has its claim and a later record.
type ForeignRun struct {
	Address Address // as the claim's name has it
	Claim   string  // name of its file
	Record  string  // name of the file that was made after the claim
}

func (r *ForeignRun) String() string {
	return fmt.Sprintf("it is of a run of another dataset, and so is %s: either the files of two datasets were put together, or %s is not the one that belongs here",
		r.Claim, DatasetName)
}

// Add takes in a file with what its name says.
func (f *Foreign) Add(file string, name Name) {
	if f.claims == nil {
		f.claims, f.records = map[Address]string{}, map[Address]string{}
	}
	switch name.Kind {
	case ClaimFile:
		f.claims[name.Address] = file
	case EndFile, RemovedFile, ReceiptFile, RowFile, TableFile, RejectFile:
		a := Address{name.Address.Number, name.Address.Nonce[:idDigits]}
		f.records[a] = cmp.Or(f.records[a], file)
	}
}

// Runs are the runs that no writer can have left, by dataset and number.
func (f *Foreign) Runs() []ForeignRun {
	var runs []ForeignRun
	for a, claim := range f.claims {
		if record := f.records[a]; record != "" {
			runs = append(runs, ForeignRun{a, claim, record})
		}
	}
	slices.SortFunc(runs, func(a, b ForeignRun) int {
		return cmp.Or(cmp.Compare(a.Address.Nonce, b.Address.Nonce), cmp.Compare(a.Address.Number, b.Address.Number))
	})
	return runs
}
