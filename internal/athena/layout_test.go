package athena_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/macielake/macielake/internal/athena"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

func TestReadLayout(t *testing.T) {
	l := lake{
		tables: []string{"detections"}, keys: []string{"region", "created_date"},
		dirs: []string{"p_region=a%2Fb/created_date=2026-01-02", "p_region=%25/created_date=2026-01-02"},
		files: []string{
			"detections/stray.parquet", "detections/p_region=x/stray.parquet", "detections/p_region=x/created_date=soon/stray.parquet",
			"detections/p_region=%zz/created_date=2026-01-02/stray.parquet", "detections/p_region=y/created_date=2026-01-02/stray.txt",
			"other/created_date=2026-01-02/stray.parquet",
		},
	}.read(t)
	if len(l.Tables) != 2 || l.Tables[0].Name != "detections" || l.Tables[1].Name != "runs" {
		t.Fatalf("%+v", l.Tables)
	}
	want := []athena.Partition{
		{Dir: "p_region=%25/created_date=2026-01-02", Values: []string{"%", "2026-01-02"}},
		{Dir: "p_region=a%2Fb/created_date=2026-01-02", Values: []string{"a/b", "2026-01-02"}},
	}
	if got := l.Tables[0].Partitions; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if got := l.Tables[1].Partitions; len(got) != 1 || got[0].Dir != "" {
		t.Errorf("%q", got)
	}
}

func TestReadLayoutRefuses(t *testing.T) {
	var format *athena.FormatError
	if _, err := athena.ReadLayout(t.Context(), lake{format: "arrow"}.write(t)); !errors.As(err, &format) || format.Format != "arrow" {
		t.Errorf("%v", err)
	}
	var damaged *state.DamagedError
	if _, err := athena.ReadLayout(t.Context(), lake{tables: []string{"results", "findings"}}.write(t)); !errors.As(err, &damaged) {
		t.Errorf("%v", err)
	}
	if _, err := athena.ReadLayout(t.Context(), lake{keys: []string{"weather"}}.write(t)); err == nil {
		t.Error("partitions by weather")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := athena.ReadLayout(t.Context(), s); !errors.Is(err, state.ErrForeign) {
		t.Errorf("%v", err)
	}
}
