package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3input"
	"github.com/macielake/macielake/internal/s3/s3store"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/internal/store"
)

// shortLeaseInS3 is shortLease where each renewal is a request.
const shortLeaseInS3 = 60 * time.Millisecond

// A place in S3 is named by the URL of its server, or of a proxy before it, which
// the bucket and the prefix follow: processes need nothing else.
func isS3(place string) bool { return strings.HasPrefix(place, "http://") }

// inS3 is the client of a place's server, and the place's s3:// URI. The client
// doesn't wait for long between attempts.
func inS3(place string) (client *s3.Client, uri string, err error) {
	u, err := url.Parse(place)
	if err != nil {
		return nil, "", err
	}
	backoff := awsclient.Backoff{Base: time.Millisecond, Max: 10 * time.Millisecond}
	client = s3.New(s3test.Config("http://"+u.Host, awsclient.Options{Backoff: backoff}), s3.Options{PathStyle: true, Backoff: backoff})
	return client, "s3:/" + u.Path, nil
}

func openS3(place string) (store.Store, error) {
	client, uri, err := inS3(place)
	if err != nil {
		return nil, err
	}
	return s3store.Open(context.Background(), client, uri, s3.WriteOptions{})
}

func sourcesInS3(place string) (in string, origin input.Origin) {
	client, uri, err := inS3(place)
	if err != nil {
		panic(err) // a test's mistake
	}
	return uri, s3input.NewOrigin(client, s3input.Filter{}, nil)
}

// startS3 starts a server that has the buckets results and lake, in memory where
// it can be.
func startS3(t *testing.T) *s3test.Server {
	t.Helper()
	server, stop, err := s3test.Run(tempDir(t), "results", "lake")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return server
}

// upload puts a world's sources into S3, and returns the world there.
func (w *world) upload(t *testing.T, server *s3test.Server) *world {
	t.Helper()
	if err := server.Put(t.Context(), "results", "in/", w.dir); err != nil {
		t.Fatal(err)
	}
	there := &world{dir: server.URL + "/results/in", want: rows{}}
	for key, n := range w.want {
		there.want[strings.Replace(key, w.dir+"/", "s3://results/in/", 1)] = n
	}
	return there
}

// regionsWorld is a world with a source in each region.
func regionsWorld(t *testing.T, dir string, regions ...string) *world {
	t.Helper()
	w := newWorld(t, dir)
	for i, region := range regions {
		w.add(t, region, i, 9)
	}
	return w
}

// killEach kills children at each stride'th step, one after the other, each on a
// dataset of its own below the place out, and mends what is left.
func killEach(t *testing.T, c child, out string, stride int, want rows) (cases int) {
	t.Helper()
	for step := 1; !t.Failed(); step += stride {
		c.Out, c.Step = fmt.Sprintf("%s-%d", out, step), step
		if !killed(t, c.start(t)) {
			return cases
		}
		cases++
		mend(t, fmt.Sprintf("killed at step %d", step), c, want)
	}
	return cases
}

// A process that is killed with SIGKILL before and after everything it does to a
// dataset in S3: sources in a directory, and in S3.
func TestS3KilledAtEveryStep(t *testing.T) {
	server := startS3(t)
	local := regionsWorld(t, filepath.Join(tempDir(t), "in"), "eu-west-1", "us-east-1", "us-east-1")
	stride := 37
	if long() {
		stride = 1
	}
	for name, w := range map[string]*world{"local": local, "S3": local.upload(t, server)} {
		for _, c := range []child{{In: w.dir}, {In: w.dir, MaxSources: 1}} {
			cases := killEach(t, c, fmt.Sprintf("%s/lake/%s-%d", server.URL, name, c.MaxSources), stride, w.want)
			if cases < 60/stride {
				t.Errorf("only %d steps", cases)
			}
			report(t, fmt.Sprintf("SIGKILL at each step, dataset in S3, sources %s, runs of at most %d sources", name, c.MaxSources), cases)
		}
	}
}

// Processes that are killed at random times, in the midst of requests, while
// sources come in.
func TestS3KilledAtRandom(t *testing.T) {
	kills := 8
	if long() {
		kills = 50
	}
	server := startS3(t)
	w := newWorld(t, filepath.Join(tempDir(t), "in"))
	c := child{In: w.dir, Out: server.URL + "/lake/out", MaxSources: 4}
	died := killAtRandom(t, c, w, rand.New(rand.NewPCG(3, 4)), kills, 2, 250*time.Millisecond)
	report(t, "SIGKILL at random times, one dataset in S3", died)
}

// Processes that start at once on one dataset in S3 convert each source once.
func TestS3Together(t *testing.T) {
	rounds := 3
	if long() {
		rounds = 20
	}
	server := startS3(t)
	w := newWorld(t, filepath.Join(tempDir(t), "in"))
	c := child{In: w.dir, Out: server.URL + "/lake/out", MaxSources: 3}
	for round := range rounds {
		for i := range 8 {
			w.add(t, []string{"eu-west-1", "us-east-1", "ap-south-1"}[i%3], 8*round+i, 9)
		}
		first, second := c.start(t), c.start(t)
		for _, cmd := range []interface{ Wait() error }{first, second} {
			if err := cmd.Wait(); err != nil {
				t.Errorf("round %d: %v: %s%s", round, err, first.Stderr, second.Stderr)
			}
		}
		mend(t, fmt.Sprintf("round %d", round), c, w.want)
	}
	report(t, "two processes at once on one dataset in S3", rounds)
}

// Who may not delete converts all the same, killed or not.
func TestS3WithoutDelete(t *testing.T) {
	server := startS3(t)
	proxy := s3test.NewProxy(t, server, s3test.Fault{
		Match: func(r *http.Request) bool { return r.Method == http.MethodDelete || s3test.Op(r) == "DeleteObjects" },
		Do:    s3test.Answer(http.StatusForbidden, "AccessDenied", "Access Denied"),
	})
	w := regionsWorld(t, filepath.Join(tempDir(t), "in"), "eu-west-1", "us-east-1")
	stride := 17
	if long() {
		stride = 1
	}
	c := child{In: w.dir}
	cases := killEach(t, c, proxy.URL+"/lake/out", stride, w.want)
	if cases < 40/stride {
		t.Errorf("only %d steps", cases)
	}
	// And more, later, on what could not be tidied up.
	c.Out, c.Step = proxy.URL+"/lake/more", 0
	for i := range 3 {
		mend(t, fmt.Sprintf("time %d", i), c, w.want)
		w.add(t, "us-east-1", 10+i, 9)
	}
	if proxy.Seen("DeleteObjects") == 0 {
		t.Error("nothing was to be deleted")
	}
	report(t, "SIGKILL at each step, dataset in S3, without permission to delete", cases)
}
