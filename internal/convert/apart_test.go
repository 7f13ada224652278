package convert

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/store/storetest"
	"github.com/macielake/macielake/pkg/stream"
)

// interrupted is a store that refuses the first lease on part 1, as if the process died
// after part 0, and counts what is published.
type interrupted struct {
	store.Store
	refused   atomic.Bool
	published atomic.Int64
}

var errDied = errors.New("died")

func (s *interrupted) PutNew(ctx context.Context, name string, data []byte) error {
	if strings.Contains(name, "leases/") && strings.HasSuffix(name, "-00001.json") && !s.refused.Swap(true) {
		return errDied
	}
	return s.Store.PutNew(ctx, name, data)
}

func (s *interrupted) Publish(ctx context.Context, from, to string, want store.Content) error {
	s.published.Add(1)
	return s.Store.Publish(ctx, from, to, want)
}

// Each task counts the rejects of its own parts. The sum must count, too, and before
// anything is published.
func TestCommitCountsAllRejects(t *testing.T) {
	in := t.TempDir()
	for _, name := range []string{"a.jsonl", "b.jsonl"} {
		if err := os.WriteFile(filepath.Join(in, name), []byte("{\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &interrupted{Store: storetest.NewMemory("mem://lake")}
	log := slog.New(slog.DiscardHandler)
	planned, err := Run(t.Context(), Options{
		Inputs: []string{in}, Origins: []input.Origin{input.Local{}}, Out: s, TableFormat: "parquet", Tables: []string{"results"},
		Compression: "none", TargetFileSize: 1 << 20, PartSize: 1, Workers: 1, Limits: stream.DefaultLimits(), MaxRejects: 1,
		PlanOnly: true, NoWait: true, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(planned.Planned) != 1 || planned.Planned[0].Parts != 2 {
		t.Fatalf("planned %+v, want one run of two parts", planned.Planned)
	}
	steps := StepOptions{Dataset: s, Origins: []input.Origin{input.Local{}}, Workers: 1, Index: 0, Of: 2, Log: log}
	if _, err := Work(t.Context(), steps); !errors.Is(err, errDied) {
		t.Fatalf("the first task: %v", err)
	}
	missing := (*MissingPartsError)(nil)
	if _, err := Commit(t.Context(), steps); !errors.As(err, &missing) || len(missing.Parts) != 1 || missing.Parts[0] != 1 {
		t.Fatalf("committing too early: %v", err)
	}
	steps.Index = 1
	if _, err := Work(t.Context(), steps); err != nil {
		t.Fatalf("the second task: %v", err)
	}
	tooMany := (*run.TooManyRejectsError)(nil)
	if _, err := Commit(t.Context(), steps); !errors.As(err, &tooMany) || tooMany.Limit != 1 {
		t.Fatalf("committing two rejects where one is allowed: %v", err)
	}
	if n := s.published.Load(); n > 0 {
		t.Errorf("%d files were published", n)
	}
}
