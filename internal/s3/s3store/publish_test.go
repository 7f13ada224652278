package s3store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/internal/store"
)

// If a server checks the conditions of copies, publishing a file takes one request, and
// further requests find out why a copy failed. If it ignores a condition, files are
// published all the same, and none is replaced.
func TestPublishByConditions(t *testing.T) {
	strict := s3test.StartStrict(t)
	for _, server := range []struct{ name, url string }{
		{"strict", strict.URL}, {"versitygw", s3test.Start(t, "lake").URL}, {"gofakes3", s3test.StartMemory(t, "lake").URL},
	} {
		t.Run(server.name, func(t *testing.T) {
			ctx, s := t.Context(), storeAt(t, server.url, s3.WriteOptions{})
			type staged struct {
				From, To string
				store.Content
			}
			stage := func(name, text string) staged {
				t.Helper()
				out, err := s.Create(ctx, "staging/"+name, store.Shared)
				if err == nil {
					if _, err = out.Write([]byte(text)); err == nil {
						err = out.Commit()
					}
				}
				if err != nil {
					t.Fatal(err)
				}
				sum := sha256.Sum256([]byte(text))
				return staged{From: "staging/" + name, To: "results/" + name,
					Content: store.Content{Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:]), ETag: out.ETag()}}
			}
			check := func(f staged) error { return s.Check(ctx, f.From, f.To, f.Content) }
			publish := func(f staged) error { return s.Publish(ctx, f.From, f.To, f.Content) }
			var files []staged
			for i := range 20 {
				files = append(files, stage(fmt.Sprintf("%02d", i), fmt.Sprint("file ", i)))
			}
			if err := publish(files[0]); err != nil {
				t.Fatal(err)
			}
			strict.SetDelay(0)
			for _, f := range files[1:] {
				if err := publish(f); err != nil {
					t.Fatal(err)
				}
			}
			if seen := strict.Seen(); server.name == "strict" && (seen["CopyObject"] != len(files)-1 || seen["HeadObject"] != 0) {
				t.Errorf("%d files took %v", len(files)-1, seen)
			}
			// Publish again, as after a stop or beside another process, with and without
			// the staged file.
			if err := publish(files[3]); err != nil {
				t.Errorf("publishing again: %v", err)
			}
			if err := s.Remove(ctx, files[3].From, files[4].From, "staging/nothing"); err != nil {
				t.Fatal(err)
			}
			if err := publish(files[3]); err != nil {
				t.Errorf("publishing again without the staged file: %v", err)
			}
			if err := check(files[3]); err != nil {
				t.Errorf("checking a published file that isn't staged any more: %v", err)
			}
			// Another file has the name.
			other := stage("other", "other bytes")
			other.To = files[5].To
			if err := publish(other); !errors.Is(err, fs.ErrExist) {
				t.Errorf("publishing over another file: %v", err)
			}
			// The staged file has changed or is gone.
			changed := stage("changed", "changed")
			changed.ETag = files[0].ETag
			if err := publish(changed); !errors.As(err, new(*store.ContentError)) {
				t.Errorf("publishing a file that has changed: %v", err)
			}
			if err := check(changed); !errors.As(err, new(*store.ContentError)) {
				t.Errorf("checking a file that has changed: %v", err)
			}
			gone := stage("gone", "gone")
			if err := s.Remove(ctx, gone.From); err != nil {
				t.Fatal(err)
			}
			if err := publish(gone); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("publishing a file that is gone: %v", err)
			}
			if err := check(gone); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("checking a file that is gone: %v", err)
			}
			for i, f := range files {
				info, err := s.Stat(ctx, f.To)
				if err != nil || info.Size != f.Size {
					t.Errorf("file %d has %d bytes, %v", i, info.Size, err)
				}
			}
			for _, f := range []staged{changed, gone} {
				if _, err := s.Stat(ctx, f.To); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s was published: %v", f.To, err)
				}
			}
		})
	}
}
