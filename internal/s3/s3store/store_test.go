package s3store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3store"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/store/storetest"
)

func newClient(url string, o s3.Options) *s3.Client {
	o.PathStyle = true
	return s3.New(s3test.Config(url, awsclient.Options{Backoff: o.Backoff, Log: o.Log}), o)
}

// Stores on two unrelated servers fulfil the contract of store.Store.
func TestStoreContract(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...string) *s3test.Server{
		"versitygw": s3test.Start, "gofakes3": s3test.StartMemory,
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, "lake")
			var n atomic.Int32
			storetest.Run(t, storetest.Kind{Directories: server.Dir != ""}, func(t *testing.T) store.Store {
				s, err := s3store.Open(t.Context(), newClient(server.URL, s3.Options{}), fmt.Sprintf("s3://lake/some where/%d/", n.Add(1)), s3.WriteOptions{})
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}
