package stream

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

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
			if group.readers != 0 || group.started != 0 || group.charged != 0 {
				t.Errorf("left: %d readers, %d objects, %d bytes", group.readers, group.started, group.charged)
			}
		})
	}
}
