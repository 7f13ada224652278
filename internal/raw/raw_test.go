package raw

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/pkg/schema"
)

// memory is an origin of sources in memory, by their URIs. A nil source can't be
// opened.
type memory map[string][]byte

func (memory) Has(in string) bool { return in != input.StdinName }

func (m memory) List(_ context.Context, _ string, _ *input.Listing, each func(input.Source) error) error {
	for uri := range m {
		if err := each(input.NewSource(m, schema.Source{URI: uri}, "", int64(len(m[uri])))); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) Open(_ context.Context, s *input.Source) (io.ReadCloser, error) {
	if m[s.URI] == nil {
		return nil, errors.New("not to be opened")
	}
	return io.NopCloser(bytes.NewReader(m[s.URI])), nil
}

func compress(data string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	io.WriteString(w, data) // never fails on a bytes.Buffer
	w.Close()
	return out.Bytes()
}

// makeLines returns n results, with the ids NAME-0, NAME-1 and so on.
func makeLines(name string, n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `{"id":"%s-%d","title":"%s"}`+"\n", name, i, strings.Repeat("x", i%100))
	}
	return out.String()
}

// scanIDs scans and returns the ids of the results, in order.
func scanIDs(t *testing.T, o Options) ([]string, *Tally) {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	var all []string
	tally, err := Scan(t.Context(), o, func(b *schema.Batch) ([]string, error) {
		var list []string
		for i := range b.Results {
			list = append(list, string(b.Text(b.Results[i].Text[schema.ResultID])))
		}
		return list, nil
	}, func(list []string) error {
		all = append(all, list...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, tally
}

// wantIDs returns the ids of makeLines with n and each of the names.
func wantIDs(n int, names ...string) []string {
	var all []string
	for _, name := range names {
		for i := range n {
			all = append(all, fmt.Sprintf("%s-%d", name, i))
		}
	}
	return all
}

// Rows come in the order of sources and lines with any number of workers. Broken
// sources give none, even if they are larger than a block.
func TestScan(t *testing.T) {
	const n = 20_000 // several blocks
	large := compress(makeLines("m", n))
	sources := memory{
		"b": compress(makeLines("b", n)), "a": []byte(makeLines("a", n)), "c": large[:len(large)-20], "d": nil, "e": {},
		"f": []byte(makeLines("f", n)),
	}
	want := wantIDs(n, "a", "b", "f")
	for _, workers := range []int{1, 2, 5} {
		got, tally := scanIDs(t, Options{Inputs: []string{"all"}, Origins: []input.Origin{sources}, Workers: workers})
		if !slices.Equal(got, want) {
			t.Errorf("%d workers: %d results, want %d", workers, len(got), len(want))
		}
		if tally.Sources != 3 || tally.RejectedSources != 2 || tally.Unreadable != 1 || tally.Lines != 3*n {
			t.Errorf("%d workers: %+v", workers, tally)
		}
		var notes []string
		for _, note := range tally.Notes {
			notes = append(notes, fmt.Sprint(note.URI, note.Line, note.Class, note.Used))
		}
		slices.Sort(notes)
		if want := []string{"c0truncatedfalse", "d0false", "e0empty_objectfalse"}; !slices.Equal(notes, want) {
			t.Errorf("%d workers: notes %q", workers, notes)
		}
	}
}

// The first lines of broken standard input are used, as it can't be read twice. The
// sources after it are read nevertheless.
func TestBrokenStdin(t *testing.T) {
	const n = 20_000
	stream := compress(makeLines("s", n))
	got, tally := scanIDs(t, Options{
		Inputs:  []string{input.StdinName, "all"},
		Origins: []input.Origin{input.NewStdin(bytes.NewReader(stream[:len(stream)-20])), memory{"a": compress(makeLines("a", n))}},
		Workers: 2,
	})
	first := len(got) - n
	if first < 1000 || first >= n || !slices.Equal(got, append(wantIDs(first, "s"), wantIDs(n, "a")...)) {
		t.Errorf("%d results", len(got))
	}
	if len(tally.Notes) != 1 || !tally.Notes[0].Used || tally.Notes[0].Class != schema.Truncated ||
		tally.RejectedSources != 1 || tally.Sources != 1 {
		t.Errorf("%+v", tally)
	}
}

func TestRejectedLines(t *testing.T) {
	var lines strings.Builder
	for i := range 25 {
		fmt.Fprintf(&lines, "{\"id\":\"r-%d\"}\n{\"id\":}\n\n", i)
	}
	got, tally := scanIDs(t, Options{Inputs: []string{"all"}, Origins: []input.Origin{memory{"a": []byte(lines.String())}}})
	if !slices.Equal(got, wantIDs(25, "r")) || tally.RejectedLines != 25 || len(tally.Notes) != maxNotes ||
		tally.Notes[1].Line != 5 || tally.Notes[1].Class != schema.Malformed {
		t.Errorf("%d results, %+v", len(got), tally)
	}
}

// A scan returns the error that ended it and leaves no goroutine behind.
func TestScanReturnsErrors(t *testing.T) {
	before := runtime.NumGoroutine()
	stop := errors.New("stop")
	o := Options{
		Inputs: []string{"all"}, Origins: []input.Origin{memory{"a": compress(makeLines("a", 200_000))}}, Workers: 3,
		Log: slog.New(slog.DiscardHandler),
	}
	zero := func(*schema.Batch) (int, error) { return 0, nil }
	batches := 0
	if _, err := Scan(t.Context(), o, zero, func(int) error { batches++; return stop }); !errors.Is(err, stop) || batches != 1 {
		t.Errorf("each: %v after %d", err, batches)
	}
	if _, err := Scan(t.Context(), o, func(*schema.Batch) (int, error) { return 0, stop }, func(int) error { return nil }); !errors.Is(err, stop) {
		t.Errorf("work: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Scan(ctx, o, zero, func(int) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	var missing *input.NotFoundError
	if _, err := Scan(t.Context(), Options{Inputs: []string{"x"}, Origins: []input.Origin{memory{}}, Log: o.Log}, zero,
		func(int) error { return nil }); !errors.As(err, &missing) {
		t.Errorf("an input without sources: %v", err)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
