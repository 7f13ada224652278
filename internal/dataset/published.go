package dataset

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/sink"
)

// PublishedPart is what readers may see of a part: the files of its receipt, in
// a run that is committed.
type PublishedPart struct {
	Run   string      `json:"run"`
	Part  int         `json:"part"`
	Files []sink.File `json:"files"` // where they are published
}

// reads is how many state files are read at a time.
const reads = 16

// Published returns the parts of all committed runs, in the order of runs and
// parts. Files that no such part names aren't the dataset's, whatever lies in
// the directories of its tables.
func Published(ctx context.Context, s store.Store) ([]PublishedPart, error) {
	committed, receipts, err := listReceipts(ctx, s)
	if err != nil {
		return nil, err
	}
	var wanted []string
	for _, name := range receipts {
		if committed[runOf(name)] {
			wanted = append(wanted, name)
		}
	}
	parts := make([]PublishedPart, len(wanted))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(reads)
	for i, name := range wanted {
		group.Go(func() error {
			p := &parts[i]
			if err := get(ctx, s, name, p); err != nil {
				return err
			}
			if receiptName(p.Run, p.Part) != name {
				return fmt.Errorf("%s is damaged: it is of another part", s.URI(name))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(parts, func(a, b PublishedPart) int {
		return cmp.Or(cmp.Compare(a.Run, b.Run), cmp.Compare(a.Part, b.Part))
	})
	return parts, nil
}

// runOf is the run whose state file that is.
func runOf(name string) string {
	run, _, _ := strings.Cut(strings.TrimPrefix(name, runsDir+"/"), "/")
	return run
}

const runsDir = stateDir + "/runs"

// listReceipts returns which runs are committed, and the names of all receipts.
func listReceipts(ctx context.Context, s store.Store) (committed map[string]bool, receipts []string, err error) {
	var ends []string
	err = s.List(ctx, runsDir, func(name string, _ fs.FileInfo) error {
		switch dir, base := path.Split(name); {
		case base == "end.json":
			ends = append(ends, name)
		case path.Base(path.Clean(dir)) == "parts" && path.Ext(base) == ".json":
			receipts = append(receipts, name)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	states := make([]End, len(ends))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(reads)
	for i, name := range ends {
		group.Go(func() error { return get(ctx, s, name, &states[i]) })
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	committed = make(map[string]bool)
	for i, name := range ends {
		if states[i].State == Committed {
			committed[runOf(name)] = true
		}
	}
	return committed, receipts, nil
}
