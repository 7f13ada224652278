package stream

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/macielake/macielake/pkg/schema"
)

// gate counts the open sources, and keeps each one open until a number of them were
// open at once.
type gate struct {
	mu         sync.Mutex
	open, most int
	want       int
	reached    chan struct{}
}

func (g *gate) wrap(o Source) Source {
	inner := o.Open
	o.Open = func(ctx context.Context) (io.ReadCloser, error) {
		g.mu.Lock()
		g.open++
		if g.open == g.want && g.most < g.want {
			close(g.reached)
		}
		g.most = max(g.most, g.open)
		g.mu.Unlock()
		select {
		case <-g.reached:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		rc, err := inner(ctx)
		return gated{rc, g}, err
	}
	return o
}

type gated struct {
	io.ReadCloser
	g *gate
}

func (c gated) Close() error {
	c.g.mu.Lock()
	c.g.open--
	c.g.mu.Unlock()
	return c.ReadCloser.Close()
}

// As many sources are fetched concurrently as the options allow. With fewer the test
// hangs, with more it fails.
func TestPrefetchBounds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		size  int // bytes per source
		known bool
		o     ReaderOptions
		want  int
	}{
		{"one ahead", 100, true, ReaderOptions{FetchAhead: 1}, 2},
		{"many ahead", 100, true, ReaderOptions{FetchAhead: 64}, 65},
		{"bytes of small sources", 4000, true, ReaderOptions{FetchAhead: 64, FetchBytes: 40 << 10}, 10},
		{"bytes of larger ones", 500_000, true, ReaderOptions{FetchAhead: 64, FetchBytes: 2 << 20}, 4},
		{"fewer bytes than a source", 500_000, true, ReaderOptions{FetchAhead: 64, FetchBytes: 1}, 1},
		{"streams", windows * window, true, ReaderOptions{FetchAhead: 64, FetchBytes: 1 << 30}, maxStreams},
		{"unknown sizes", 100, false, ReaderOptions{FetchAhead: 64}, maxStreams},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkLeaks(t)
			g := &gate{want: tt.want, reached: make(chan struct{})}
			var sources []Source
			for i := range tt.want + 15 {
				o := newSource(fmt.Sprint(i), []byte(strings.Repeat("x", tt.size-1)+"\n"), nil)
				if !tt.known {
					o.Size = -1
				}
				sources = append(sources, g.wrap(o))
			}
			segs, _, _ := readPart(t, sources, tt.o)
			if len(segs) != len(sources) {
				t.Errorf("%d segments", len(segs))
			}
			for i, s := range segs {
				if s.source.URI != fmt.Sprint(i) {
					t.Fatalf("segment %d is from source %s", i, s.source.URI)
				}
			}
			if g.most != tt.want || g.open != 0 {
				t.Errorf("%d open at once, want %d; %d left open", g.most, tt.want, g.open)
			}
		})
	}
}

// No more than the windows of a large source is fetched ahead.
func TestPrefetchWindow(t *testing.T) {
	checkLeaks(t)
	var given atomic.Int64
	data := []byte(text(40_000, 100, 1))
	taken := int64(0)
	o := newSource("a", data, func(r io.Reader) io.Reader {
		return readerFunc(func(p []byte) (int, error) {
			n, err := r.Read(p)
			given.Add(int64(n))
			return n, err
		})
	})
	r := NewReader([]Source{o}, ReaderOptions{FetchAhead: 1})
	defer r.Close()
	b := schema.NewBatch()
	for {
		err := r.Next(context.Background(), b)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range b.Segments {
			taken += int64(s.End - s.Start)
		}
		// The reader's buffer and batch are in addition to the windows.
		if ahead := given.Load() - taken; ahead > (windows+1)*window+DefaultBlockBytes+1 {
			t.Fatalf("%d bytes ahead", ahead)
		}
	}
	if taken != int64(len(data)) {
		t.Errorf("%d bytes, want %d", taken, len(data))
	}
}

// Buffers are reused: reading more sources doesn't take more memory.
func TestPrefetchBuffers(t *testing.T) {
	checkLeaks(t)
	var sources []Source
	for i := range 300 {
		sources = append(sources, newSource(fmt.Sprint(i), []byte(text(1+i%50*10, 100, 1)), nil))
	}
	r := NewReader(sources, ReaderOptions{FetchAhead: 8, FetchBytes: 1 << 20})
	defer r.Close()
	if _, err := readAll(r); err != nil {
		t.Fatal(err)
	}
	held := int64(0)
	for _, free := range r.prefetch.free {
		for _, buf := range free {
			held += int64(len(buf))
		}
	}
	if held > 1<<20 || held != r.prefetch.idle || r.prefetch.charged != 0 || r.prefetch.streams != 0 {
		t.Errorf("holds %d bytes, counted %d, charged %d for %d streams", held, r.prefetch.idle, r.prefetch.charged, r.prefetch.streams)
	}
}
