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

// shortLeaseInS3 is shortLease for S3, where every renewal is a request.
const shortLeaseInS3 = 60 * time.Millisecond

// isS3 reports whether a place is in S3. Such a place is a URL of the server, or of a
// proxy before it, with bucket and prefix, so child processes need no other options.
func isS3(place string) bool { return strings.HasPrefix(place, "http://") }

// clientFor returns a client of a place's server, and the place's s3:// URI. The client
// waits only briefly between attempts.
func clientFor(place string) (client *s3.Client, uri string, err error) {
	u, err := url.Parse(place)
	if err != nil {
		return nil, "", err
	}
	backoff := awsclient.Backoff{Base: time.Millisecond, Max: 10 * time.Millisecond}
	client = s3.New(s3test.Config("http://"+u.Host, awsclient.Options{Backoff: backoff}), s3.Options{PathStyle: true, Backoff: backoff})
	return client, "s3:/" + u.Path, nil
}

func openS3(place string) (store.Store, error) {
	client, uri, err := clientFor(place)
	if err != nil {
		return nil, err
	}
	return s3store.Open(context.Background(), client, uri, s3.WriteOptions{})
}

func sourcesInS3(place string) (in string, origin input.Origin) {
	client, uri, err := clientFor(place)
	if err != nil {
		panic(err) // the test is wrong
	}
	return uri, s3input.NewOrigin(client, s3input.Filter{}, nil)
}

// startS3 starts a server with the buckets results and lake, in tempDir.
func startS3(t *testing.T) *s3test.Server {
	t.Helper()
	server, stop, err := s3test.Run(tempDir(t), "results", "lake")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return server
}

// upload copies a world's sources to S3 and returns the world with those.
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

// regionsWorld returns a world with one source per Region.
func regionsWorld(t *testing.T, dir string, regions ...string) *world {
	t.Helper()
	w := newWorld(t, dir)
	for i, region := range regions {
		w.add(t, region, i, 9)
	}
	return w
}

// killEach kills children, one at every stride'th step, each on a dataset of its own
// below the place out, and mends the datasets.
func killEach(t *testing.T, c child, out string, stride int, want rows) (cases int) {
	t.Helper()
	for step := 1; !t.Failed(); step += stride {
		c.Out, c.Step = fmt.Sprintf("%s-%d", out, step), step
		if !waitKilled(t, c.start(t)) {
			return cases
		}
		cases++
		mend(t, fmt.Sprintf("killed at step %d", step), c, want)
	}
	return cases
}

// Processes are killed with SIGKILL before and after every change to a dataset in S3,
// with sources in a directory and in S3.
func TestS3KilledAtEveryStep(t *testing.T) {
	server := startS3(t)
	local := regionsWorld(t, filepath.Join(tempDir(t), "in"), "eu-west-1", "us-east-1", "us-east-1")
	stride := 37
	if isLong() {
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

// Processes are killed at random times, also during requests, while sources are added.
func TestS3KilledAtRandom(t *testing.T) {
	kills := 8
	if isLong() {
		kills = 50
	}
	server := startS3(t)
	w := newWorld(t, filepath.Join(tempDir(t), "in"))
	c := child{In: w.dir, Out: server.URL + "/lake/out", MaxSources: 4}
	died := killAtRandom(t, c, w, rand.New(rand.NewPCG(3, 4)), kills, 2, 250*time.Millisecond)
	report(t, "SIGKILL at random times, one dataset in S3", died)
}

// Processes that start together on one dataset in S3 convert each source once.
func TestS3Together(t *testing.T) {
	rounds := 3
	if isLong() {
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

// Converters without permission to delete still convert, whether killed or not.
func TestS3WithoutDelete(t *testing.T) {
	server := startS3(t)
	proxy := s3test.NewProxy(t, server, s3test.Fault{
		Match: func(r *http.Request) bool { return r.Method == http.MethodDelete || s3test.Op(r) == "DeleteObjects" },
		Do:    s3test.Answer(http.StatusForbidden, "AccessDenied", "Access Denied"),
	})
	w := regionsWorld(t, filepath.Join(tempDir(t), "in"), "eu-west-1", "us-east-1")
	stride := 17
	if isLong() {
		stride = 1
	}
	c := child{In: w.dir}
	cases := killEach(t, c, proxy.URL+"/lake/out", stride, w.want)
	if cases < 40/stride {
		t.Errorf("only %d steps", cases)
	}
	// Later converters work despite the files that could not be deleted.
	c.Out, c.Step = proxy.URL+"/lake/more", 0
	for i := range 3 {
		mend(t, fmt.Sprintf("time %d", i), c, w.want)
		w.add(t, "us-east-1", 10+i, 9)
	}
	if proxy.Seen("DeleteObjects") == 0 {
		t.Error("no delete was refused")
	}
	report(t, "SIGKILL at each step, dataset in S3, without permission to delete", cases)
}
