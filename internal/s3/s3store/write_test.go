package s3store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/internal/store"
)

func quick() s3.Options {
	return s3.Options{Backoff: awsclient.Backoff{Base: time.Millisecond, Max: 5 * time.Millisecond}}
}

// storeAt returns a store at s3://lake/out, through a proxy.
func storeAt(t *testing.T, url string, w s3.WriteOptions) *Store {
	t.Helper()
	o := quick()
	o.PathStyle = true
	c := s3.New(s3test.Config(url, awsclient.Options{Backoff: o.Backoff}), o)
	s, err := Open(t.Context(), c, "s3://lake/out", w)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// upload writes a file of the given size.
func upload(ctx context.Context, t *testing.T, s *Store, name string, size int) error {
	t.Helper()
	out, err := s.Create(ctx, name, store.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(bytes.Repeat([]byte("x"), size)); err != nil {
		t.Fatal(err)
	}
	err = out.Commit()
	if err != nil {
		if err := out.Abort(); err != nil {
			t.Error(err)
		}
	}
	return err
}

// An upload that fails or is interrupted leaves nothing: no object, and no parts that
// are charged for.
func TestUploadAborted(t *testing.T) {
	server := s3test.Start(t, "lake")
	interrupted := errors.New("interrupted")
	for _, test := range []struct {
		name      string
		fault     s3test.Fault
		interrupt bool
	}{
		{"a part is denied", s3test.Fault{Match: s3test.IsOp("UploadPart", ""), Skip: 1, Do: s3test.Answer(403, "AccessDenied", "Access Denied")}, false},
		{"its end is denied", s3test.Fault{Match: s3test.IsOp("CompleteMultipartUpload", ""), Do: s3test.Answer(403, "AccessDenied", "Access Denied")}, false},
		{"interrupted", s3test.Fault{Match: s3test.IsOp("UploadPart", ""), Skip: 1}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			script := []s3test.Fault{test.fault}
			if test.interrupt {
				script[0].Do = func(http.ResponseWriter, *http.Request, http.Handler) { cancel(interrupted) }
				// The server is still receiving the first part then, even if its
				// sender is gone.
				var parts atomic.Int32
				script = append(script,
					s3test.Fault{Match: test.fault.Match, Times: 1, Do: func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
						parts.Add(1)
						defer parts.Add(-1)
						<-ctx.Done()
						time.Sleep(300 * time.Millisecond)
						forward.ServeHTTP(w, r)
					}},
					s3test.Fault{Match: s3test.IsOp("AbortMultipartUpload", ""), Do: func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
						if n := parts.Load(); n > 0 {
							t.Errorf("aborted while %d parts are under way", n)
						}
						forward.ServeHTTP(w, r)
					}})
			}
			s := storeAt(t, s3test.NewProxy(t, server, script...).URL, s3.WriteOptions{})
			err := upload(ctx, t, s, "large", 3*s3.UploadPart)
			if test.interrupt && err != interrupted || !test.interrupt && awsclient.KindOf(err) != awsclient.Denied {
				t.Errorf("%v", err)
			}
			if _, err := s.Stat(t.Context(), "large"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("it is there: %v", err)
			}
			left, err := server.Client().ListMultipartUploads(t.Context(), &sdk.ListMultipartUploadsInput{Bucket: aws.String("lake")})
			if err != nil || len(left.Uploads) > 0 {
				t.Errorf("%d uploads are left, %v", len(left.Uploads), err)
			}
			if s.spools.left != spoolMemory {
				t.Errorf("%d bytes of memory are left", s.spools.left)
			}
		})
	}
}

// A write whose answer is lost counts as written, once.
func TestLostAnswers(t *testing.T) {
	server := s3test.Start(t, "lake")
	for _, op := range []string{"PutObject", "CompleteMultipartUpload", "UploadPart", "CreateMultipartUpload", "CopyObject", "DeleteObjects"} {
		proxy := s3test.NewProxy(t, server, s3test.Fault{Match: s3test.IsOp(op, ""), Times: 2, Do: s3test.Lose()})
		s := storeAt(t, proxy.URL, s3.WriteOptions{})
		ctx := t.Context()
		if err := upload(ctx, t, s, op+"/large", 2*s3.UploadPart+1); err != nil {
			t.Errorf("%s: upload: %v", op, err)
		}
		proxy.Script(s3test.Fault{Match: s3test.IsOp(op, ""), Times: 2, Do: s3test.Lose()})
		if err := upload(ctx, t, s, op+"/small", 5); err != nil {
			t.Errorf("%s: small upload: %v", op, err)
		}
		proxy.Script(s3test.Fault{Match: s3test.IsOp(op, ""), Times: 2, Do: s3test.Lose()})
		if err := s.PutNew(ctx, op+"/new", []byte("a")); err != nil {
			t.Errorf("%s: PutNew: %v", op, err)
		}
		// The same content from another call.
		if err := s.PutNew(ctx, op+"/new", []byte("a")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: PutNew again: %v", op, err)
		}
		small, err := s.Stat(ctx, op+"/small")
		if err == nil {
			err = s.Publish(ctx, op+"/small", op+"/published", store.Content{Size: small.Size, ETag: small.ETag})
		}
		if err != nil {
			t.Errorf("%s: Publish: %v", op, err)
		}
		if info, err := s.Stat(ctx, op+"/large"); info.Size != 2*s3.UploadPart+1 || err != nil {
			t.Errorf("%s: %d bytes, %v", op, info.Size, err)
		}
		if err := s.RemoveAll(ctx, op); err != nil {
			t.Errorf("%s: RemoveAll: %v", op, err)
		}
		if empty, err := s.Empty(ctx); !empty || err != nil {
			t.Errorf("%s: something is left, %v", op, err)
		}
	}
}

// All requests that write have the write options, copies included.
func TestWriteOptions(t *testing.T) {
	server := s3test.Start(t, "lake")
	var mu sync.Mutex
	headers := map[string]http.Header{}
	proxy := s3test.NewProxy(t, server, s3test.Fault{Match: func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		headers[s3test.Op(r)] = r.Header.Clone()
		return false
	}})
	o := quick()
	o.RequestPayer = true
	o.PathStyle = true
	c := s3.New(s3test.Config(proxy.URL, awsclient.Options{}), o)
	s, err := Open(t.Context(), c, "s3://lake/out/", s3.WriteOptions{SSE: "aws:kms", KMSKeyID: "alias/lake", StorageClass: "STANDARD_IA", ExpectedOwner: "111122223333"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	// The server may refuse settings that it doesn't support: only the requests matter.
	_ = upload(ctx, t, s, "large", s3.UploadPart+1)
	_ = upload(ctx, t, s, "small", 1)
	plain := storeAt(t, server.URL, s3.WriteOptions{})
	if err := plain.PutNew(ctx, "from", []byte("a")); err != nil {
		t.Fatal(err)
	}
	// The server checks the owner in HeadObject.
	anyOwner, err := Open(ctx, c, "s3://lake/out/", s3.WriteOptions{SSE: "aws:kms", KMSKeyID: "alias/lake", StorageClass: "STANDARD_IA"})
	if err != nil {
		t.Fatal(err)
	}
	from, err := plain.Stat(ctx, "from")
	if err != nil {
		t.Fatal(err)
	}
	_ = anyOwner.Publish(ctx, "from", "to", store.Content{Size: from.Size, ETag: from.ETag})
	for _, op := range []string{"PutObject", "CreateMultipartUpload", "CopyObject"} {
		h := headers[op]
		for name, want := range map[string]string{
			"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "alias/lake",
			"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Request-Payer": "requester",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s of %s is %q, want %q", name, op, got, want)
			}
		}
		if got := h.Get("X-Amz-Expected-Bucket-Owner"); got != "111122223333" && op != "CopyObject" {
			t.Errorf("the owner of %s is %q", op, got)
		}
	}
	if h := headers["PutObject"]; h.Get("If-None-Match") != "*" {
		t.Errorf("PutObject isn't conditional: %v", h)
	}
}

// Every request that creates an object is conditional, and a copy names the version that
// it copies. Only Put replaces objects; leases and the ledger need that.
func TestConditionalRequests(t *testing.T) {
	server := s3test.Start(t, "lake")
	var mu sync.Mutex
	seen := map[string]int{}
	proxy := s3test.NewProxy(t, server, s3test.Fault{Match: func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		op := s3test.Op(r)
		switch op {
		case "PutObject", "CompleteMultipartUpload", "CopyObject":
			if conditional, want := r.Header.Get("If-None-Match") == "*", !strings.HasSuffix(r.URL.Path, "/lease"); conditional != want {
				t.Errorf("%s %s: If-None-Match is %q", op, r.URL.Path, r.Header.Get("If-None-Match"))
			}
			seen[op]++
		}
		if op == "CopyObject" && r.Header.Get("X-Amz-Copy-Source-If-Match") == "" {
			t.Errorf("%s %s names no version", op, r.URL.Path)
		}
		return false
	}})
	s := storeAt(t, proxy.URL, s3.WriteOptions{})
	ctx := t.Context()
	for name, size := range map[string]int{"large": s3.UploadPart + 1, "small": 5} {
		out, err := s.Create(ctx, "staged/"+name, store.Shared)
		if err != nil {
			t.Fatal(err)
		}
		data := bytes.Repeat([]byte("x"), size)
		if _, err := out.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := out.Commit(); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		want := store.Content{Size: int64(size), SHA256: hex.EncodeToString(sum[:]), ETag: out.ETag()}
		if err := s.Publish(ctx, "staged/"+name, "table/"+name, want); err != nil {
			t.Fatal(err)
		}
		// Another process was faster, and may have removed the staged file.
		for range 2 {
			if err := s.Publish(ctx, "staged/"+name, "table/"+name, want); err != nil {
				t.Errorf("%s: publishing again: %v", name, err)
			}
			if err := s.RemoveAll(ctx, "staged/"+name); err != nil {
				t.Fatal(err)
			}
		}
		want.SHA256 = strings.Repeat("0", 64)
		if err := s.Publish(ctx, "staged/"+name, "table/"+name, want); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: publishing other bytes of that size: %v", name, err)
		}
	}
	if err := s.PutNew(ctx, "claim", []byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ctx, "lease", []byte("a")); err != nil {
		t.Fatal(err)
	}
	if seen["PutObject"] < 3 || seen["CompleteMultipartUpload"] == 0 || seen["CopyObject"] < 2 {
		t.Errorf("saw %v", seen)
	}
}
