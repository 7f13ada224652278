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

// Readers of a group fetch side by side as many objects as the group allows,
// each its share, and no more than one each above that.
func TestFetchGroupBounds(t *testing.T) {
	for _, tt := range []struct {
		name             string
		readers, objects int
		size             int // of an object
		bytes            int64
		want, most       int
	}{
		{"one reader has all", 1, 16, 100, 64 << 20, 16, 16},
		{"two share", 2, 16, 100, 64 << 20, 16, 16},
		{"more readers than objects", 6, 4, 100, 64 << 20, 6, 6},
		{"bytes", 2, 64, 20_000, 4 * 32 << 10, 4, 4},
		{"next to no bytes", 3, 64, 20_000, 1, 3, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkLeaks(t)
			g := &gate{want: tt.want, reached: make(chan struct{})}
			group := NewFetchGroup(tt.objects, tt.bytes)
			begin := make(chan struct{})
			var ready, readers sync.WaitGroup
			for i := range tt.readers {
				var objects []Object
				for k := range 40 {
					o := object(fmt.Sprint(i, k), []byte(strings.Repeat("x", tt.size-1)+"\n"), nil)
					objects = append(objects, g.wrap(o))
				}
				group.join() // so that all have their shares from the beginning
				ready.Add(1)
				readers.Go(func() {
					r := NewReader(objects, ReaderOptions{FetchGroup: group})
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
					if segments != len(objects) {
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
				t.Errorf("left: %d readers, %d objects, %d bytes", group.readers, group.fetching, group.charged)
			}
		})
	}
}

// An object that takes long doesn't keep those behind it from being fetched, as
// many as the reader may hold, nor does a reader that is busy.
func TestFetchGroupGoesOn(t *testing.T) {
	checkLeaks(t)
	const atOnce = 4
	var mu sync.Mutex
	open, most, opened := 0, 0, 0
	others := make(chan struct{}) // closed once all are fetched that may be behind the first
	var objects []Object
	for i := range 10 * atOnce {
		o := object(fmt.Sprint(i), []byte("x\n"), nil)
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
					t.Errorf("%d objects were opened", opened)
				}
			}
			rc, err := inner(ctx)
			mu.Lock()
			open--
			mu.Unlock()
			return rc, err
		}
		objects = append(objects, o)
	}
	group := NewFetchGroup(atOnce, 0)
	segs, _, _ := readPart(t, objects, ReaderOptions{FetchGroup: group})
	for i, s := range segs {
		if s.source.URI != fmt.Sprint(i) {
			t.Fatalf("segment %d is of object %s", i, s.source.URI)
		}
	}
	if len(segs) != len(objects) || most > atOnce || group.fetching != 0 || group.charged != 0 {
		t.Errorf("%d segments of %d, %d open at once; left %d objects, %d bytes", len(segs), len(objects), most, group.fetching, group.charged)
	}
}
