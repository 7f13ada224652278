package dataset

import (
	"cmp"
	"context"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/macielake/macielake/internal/store"
)

// RunFiles is what the store lists of a run.
type RunFiles struct {
	N     int    // its number
	Run   string // its name
	Size  int64  // of run.json, bytes
	Ended bool   // there is an end.json
	// EndSize is the size of end.json, bytes.
	EndSize int64
	// Removed says that it is abandoned, and nothing of it published any more.
	Removed bool
	Parts   []int // that have a receipt, ascending
}

// ListRuns lists the runs, by number, without opening a file of them. What has
// no run.json claims nothing and is left out.
func ListRuns(ctx context.Context, s store.Store) ([]RunFiles, error) {
	byNumber := map[int]*RunFiles{}
	planned := map[int]bool{}
	err := s.List(ctx, runsDir, func(name string, info fs.FileInfo) error {
		rest, ok := strings.CutPrefix(name, runsDir+"/")
		run, file, _ := strings.Cut(rest, "/")
		n, numbered := number(run)
		if !ok || !numbered || RunName(n) != run {
			return nil
		}
		r := byNumber[n]
		if r == nil {
			r = &RunFiles{N: n, Run: run}
			byNumber[n] = r
		}
		switch {
		case file == "run.json":
			planned[n], r.Size = true, info.Size()
		case file == "end.json":
			r.Ended, r.EndSize = true, info.Size()
		case file == "removed.json":
			r.Removed = true
		default:
			part, ok := number(strings.TrimSuffix(strings.TrimPrefix(file, "parts/"), ".json"))
			if ok && name == receiptName(run, part) {
				r.Parts = append(r.Parts, part)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var runs []RunFiles
	for n, r := range byNumber {
		if planned[n] {
			slices.Sort(r.Parts)
			runs = append(runs, *r)
		}
	}
	slices.SortFunc(runs, func(a, b RunFiles) int { return cmp.Compare(a.N, b.N) })
	return runs, nil
}

// number reads a number of a run or part.
func number(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

// RunSizes returns the sizes of an ended run's run.json and end.json, in bytes.
func RunSizes(ctx context.Context, s store.Store, run string) (size, endSize int64, err error) {
	claim, err := s.Stat(ctx, runName(run))
	if err != nil {
		return 0, 0, err
	}
	end, err := s.Stat(ctx, endName(run))
	return claim.Size, end.Size, err
}
