package stream

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/macielake/macielake/pkg/schema"
)

// Together, the readers of a group fetch as many sources at a time as the group allows,
// plus at most one per reader.
func TestFetchGroupBounds(t *testing.T) {
	for _, tt := range []struct {
		name             string
		readers, sources int
		size             int // bytes per source
		bytes            int64
		want, most       int
	}{
		{"one reader has all", 1, 16, 100, 64 << 20, 16, 16},
		{"two share", 2, 16, 100, 64 << 20, 16, 16},
		{"more readers than sources", 6, 4, 100, 64 << 20, 6, 6},
		{"bytes", 2, 64, 20_000, 4 * 32 << 10, 4, 4},
		{"next to no bytes", 3, 64, 20_000, 1, 3, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkLeaks(t)
			g := &gate{want: tt.want, reached: make(chan struct{})}
			group := NewFetchGroup(tt.sources, tt.bytes)
			begin := make(chan struct{})
			var ready, readers sync.WaitGroup
			for i := range tt.readers {
				var sources []Source
				for k := range 40 {
					o := newSource(fmt.Sprint(i, k), []byte(strings.Repeat("x", tt.size-1)+"\n"), nil)
					sources = append(sources, g.wrap(o))
				}
				group.join() // so that the shares are final from the beginning
				ready.Add(1)
				readers.Go(func() {
					r := NewReader(sources, ReaderOptions{FetchGroup: group})
					defer r.Close()
					ready.Done()
					<-begin
					group.leave()
					b := schema.NewBatch()
					segments := 0
					for {
						err := r.Next(context.Background(), b)
						if err == io.EOF {
							break
						}
						if err != nil {
							t.Error(err)
							return
						}
						segments += len(b.Segments)
					}
					if segments != len(sources) {
						t.Errorf("%d segments", segments)
					}
				})
			}
			ready.Wait()
			close(begin)
			readers.Wait()
			if g.most < tt.want || g.most > tt.most+tt.readers || g.open != 0 {
				t.Errorf("%d open at once, want %d to %d; %d left open", g.most, tt.want, tt.most+tt.readers, g.open)
			}
			if group.readers != 0 || group.fetching != 0 || group.charged != 0 {
				t.Errorf("left: %d readers, %d sources, %d bytes", group.readers, group.fetching, group.charged)
			}
		})
	}
}

// Neither a slow source nor a busy reader delays the sources after it: as many are
// fetched as the reader may hold.
func TestFetchGroupSlowSource(t *testing.T) {
	checkLeaks(t)
	const atOnce = 4
	var mu sync.Mutex
	open, most, opened := 0, 0, 0
	others := make(chan struct{}) // closed once all sources are fetched that may be
	var sources []Source
	for i := range 10 * atOnce {
		o := newSource(fmt.Sprint(i), []byte("x\n"), nil)
		inner := o.Open
		o.Open = func(ctx context.Context) (io.ReadCloser, error) {
			mu.Lock()
			open++
			most = max(most, open)
			if opened++; opened == heldPerFetch*atOnce {
				close(others)
			}
			mu.Unlock()
			if i == 0 {
				select {
				case <-others:
				case <-time.After(10 * time.Second):
					t.Errorf("%d sources were opened", opened)
				}
			}
			rc, err := inner(ctx)
			mu.Lock()
			open--
			mu.Unlock()
			return rc, err
		}
		sources = append(sources, o)
	}
	group := NewFetchGroup(atOnce, 0)
	segs, _, _ := readPart(t, sources, ReaderOptions{FetchGroup: group})
	for i, s := range segs {
		if s.source.URI != fmt.Sprint(i) {
			t.Fatalf("segment %d is from source %s", i, s.source.URI)
		}
	}
	if len(segs) != len(sources) || most > atOnce || group.fetching != 0 || group.charged != 0 {
		t.Errorf("%d segments of %d, %d open at once; left %d sources, %d bytes", len(segs), len(sources), most, group.fetching, group.charged)
	}
}
