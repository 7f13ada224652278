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

// memory is an origin of objects in memory, by their URIs. One without bytes
// can't be opened.
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

func zipped(data string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	io.WriteString(w, data) // a bytes.Buffer takes everything
	w.Close()
	return out.Bytes()
}

// records are n lines of results of an object.
func records(name string, n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `{"id":"%s-%d","title":"%s"}`+"\n", name, i, strings.Repeat("x", i%100))
	}
	return out.String()
}

// ids scans and returns the identifiers of the results, in order.
func ids(t *testing.T, o Options) ([]string, *Account) {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	var all []string
	account, err := Scan(t.Context(), o, func(b *schema.Batch) ([]string, error) {
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
	return all, account
}

func expected(n int, names ...string) []string {
	var all []string
	for _, name := range names {
		for i := range n {
			all = append(all, fmt.Sprintf("%s-%d", name, i))
		}
	}
	return all
}

// Rows come in the order of objects and lines with any number of workers, and
// what is broken gives none, also of objects that are larger than a block.
func TestScan(t *testing.T) {
	const n = 20_000 // some blocks
	large := zipped(records("m", n))
	objects := memory{
		"b": zipped(records("b", n)), "a": []byte(records("a", n)), "c": large[:len(large)-20], "d": nil, "e": {},
		"f": []byte(records("f", n)),
	}
	want := expected(n, "a", "b", "f")
	for _, workers := range []int{1, 2, 5} {
		got, account := ids(t, Options{Inputs: []string{"all"}, Origins: []input.Origin{objects}, Workers: workers})
		if !slices.Equal(got, want) {
			t.Errorf("%d workers: %d results, want %d", workers, len(got), len(want))
		}
		if account.Objects != 3 || account.RejectedObjects != 2 || account.Unreadable != 1 || account.Lines != 3*n {
			t.Errorf("%d workers: %+v", workers, account)
		}
		var notes []string
		for _, note := range account.Notes {
			notes = append(notes, fmt.Sprint(note.URI, note.Line, note.Class, note.Used))
		}
		slices.Sort(notes)
		if want := []string{"c0truncatedfalse", "d0false", "e0empty_objectfalse"}; !slices.Equal(notes, want) {
			t.Errorf("%d workers: notes %q", workers, notes)
		}
	}
}

// Standard input can't be read twice: its first lines are used before it shows
// that it is broken, and what follows it is read all the same.
func TestBrokenStdin(t *testing.T) {
	const n = 20_000
	stream := zipped(records("s", n))
	got, account := ids(t, Options{
		Inputs:  []string{input.StdinName, "all"},
		Origins: []input.Origin{input.NewStdin(bytes.NewReader(stream[:len(stream)-20])), memory{"a": zipped(records("a", n))}},
		Workers: 2,
	})
	first := len(got) - n
	if first < 1000 || first >= n || !slices.Equal(got, append(expected(first, "s"), expected(n, "a")...)) {
		t.Errorf("%d results", len(got))
	}
	if len(account.Notes) != 1 || !account.Notes[0].Used || account.Notes[0].Class != schema.Truncated ||
		account.RejectedObjects != 1 || account.Objects != 1 {
		t.Errorf("%+v", account)
	}
}

func TestRejectedLines(t *testing.T) {
	var lines strings.Builder
	for i := range 25 {
		fmt.Fprintf(&lines, "{\"id\":\"r-%d\"}\n{\"id\":}\n\n", i)
	}
	got, account := ids(t, Options{Inputs: []string{"all"}, Origins: []input.Origin{memory{"a": []byte(lines.String())}}})
	if !slices.Equal(got, expected(25, "r")) || account.RejectedLines != 25 || len(account.Notes) != maxNotes ||
		account.Notes[1].Line != 5 || account.Notes[1].Class != schema.Malformed {
		t.Errorf("%d results, %+v", len(got), account)
	}
}

// However a scan ends, it says why and leaves nothing running.
func TestScanEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	stop := errors.New("stop")
	o := Options{
		Inputs: []string{"all"}, Origins: []input.Origin{memory{"a": zipped(records("a", 200_000))}}, Workers: 3,
		Log: slog.New(slog.DiscardHandler),
	}
	nothing := func(*schema.Batch) (int, error) { return 0, nil }
	batches := 0
	if _, err := Scan(t.Context(), o, nothing, func(int) error { batches++; return stop }); !errors.Is(err, stop) || batches != 1 {
		t.Errorf("each: %v after %d", err, batches)
	}
	if _, err := Scan(t.Context(), o, func(*schema.Batch) (int, error) { return 0, stop }, func(int) error { return nil }); !errors.Is(err, stop) {
		t.Errorf("work: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Scan(ctx, o, nothing, func(int) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	var missing *input.NotFoundError
	if _, err := Scan(t.Context(), Options{Inputs: []string{"x"}, Origins: []input.Origin{memory{}}, Log: o.Log}, nothing,
		func(int) error { return nil }); !errors.As(err, &missing) {
		t.Errorf("nothing there: %v", err)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
