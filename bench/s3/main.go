// Command s3 measures converting from S3 against a real server on loopback,
// beside a plain concurrent loop of GET and inflate and beside the same objects
// as local files. With -demo it shows a conversion from S3 to S3 instead.
//
// The server shares the machine's cores with what is measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/s3/s3test"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	program := flag.String("program", "bin/macielake", "the program to measure")
	dir := flag.String("dir", "", "directory for samples and outputs; a temporary one if empty")
	demo := flag.Bool("demo", false, "convert a sample from S3 to S3, and show what came of it")
	objects := flag.Int("objects", 20_000, "small objects")
	size := flag.Int64("size", 400_000_000, "bytes of the mixed sample, inflated")
	rounds := flag.Int("rounds", 3, "the best of so many")
	flag.Parse()
	b := &bench{program: *program, objects: *objects, size: *size, rounds: *rounds}
	if err := b.main(ctx, *dir, *demo); err != nil {
		fmt.Fprintln(os.Stderr, "bench/s3:", err)
		os.Exit(1)
	}
}

type bench struct {
	program string
	objects int
	size    int64
	rounds  int

	dir    string
	server *s3test.Server
	missed bool
}

func (b *bench) main(ctx context.Context, dir string, demo bool) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "macielake-s3-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	b.dir = dir
	server, stop, err := s3test.Run(filepath.Join(dir, "server"), "results", "lake")
	if err != nil {
		return err
	}
	defer stop()
	b.server = server
	if demo {
		return b.demo(ctx)
	}
	return b.measure(ctx)
}

// demo uploads a sample, converts it from S3 to S3, and lists what is there then.
func (b *bench) demo(ctx context.Context) error {
	sample := filepath.Join(b.dir, "sample")
	if _, err := gen.Run(ctx, gen.Options{Dir: sample, Profile: "mixed", Size: 20_000_000, Seed: 1}); err != nil {
		return err
	}
	if err := b.server.Put(ctx, "results", "", sample); err != nil {
		return err
	}
	args := []string{"convert", "s3://results/AWSLogs", "--out", "s3://lake/macie"}
	fmt.Printf("$ macielake %s --endpoint-url %s\n", strings.Join(args, " "), b.server.URL)
	cmd := b.command(ctx, b.server.URL, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	fmt.Println("\n$ aws s3 ls --recursive s3://lake/macie/")
	return b.list(ctx, "lake", "macie/")
}

func (b *bench) list(ctx context.Context, bucket, prefix string) error {
	pages := sdk.NewListObjectsV2Paginator(b.server.Client(), &sdk.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, o := range page.Contents {
			fmt.Printf("%10d  %s\n", aws.ToInt64(o.Size), aws.ToString(o.Key))
		}
	}
	return nil
}

func (b *bench) command(ctx context.Context, url string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.program, args...)
	cmd.Env = s3test.Environ(url)
	return cmd
}

// figures are what a run took.
type figures struct {
	wall, cpu time.Duration
	memory    int64 // bytes, at its peak
}

// convert converts an input to a local directory.
func (b *bench) convert(ctx context.Context, url, in string, concurrency int) (figures, error) {
	out := filepath.Join(b.dir, "out")
	cmd := b.command(ctx, url, "convert", in, "--out", out, "-q", "--fetch-concurrency", fmt.Sprint(concurrency))
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return figures{}, fmt.Errorf("converting %s: %w", in, err)
	}
	f := figures{wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.memory = int64(usage.Maxrss) << 10 // Linux counts in KiB
	}
	return f, os.RemoveAll(out)
}

// best runs all sides, one after the other and that several times, so that what
// else the machine does meets all of them; of each it returns the quickest, with
// the most memory that any took.
func (b *bench) best(sides ...func() (figures, error)) ([]figures, error) {
	best := make([]figures, len(sides))
	for range b.rounds {
		for i, side := range sides {
			f, err := side()
			if err != nil {
				return nil, err
			}
			memory := max(f.memory, best[i].memory)
			if best[i].wall == 0 || f.wall < best[i].wall {
				best[i] = f
			}
			best[i].memory = memory
		}
	}
	return best, nil
}

// upload generates a sample and puts it into the server.
func (b *bench) upload(ctx context.Context, name, profile string, size int64) (dir string, bytes int64, objects int, err error) {
	dir = filepath.Join(b.dir, name)
	expected, err := gen.Run(ctx, gen.Options{Dir: dir, Profile: profile, Size: size, Seed: 1})
	if err != nil {
		return "", 0, 0, err
	}
	return dir, expected.InflatedBytes, int(expected.Sources), b.server.Put(ctx, "results", name+"/", dir)
}

// getAndInflate is the plain loop: as many goroutines as there may be requests,
// each of which gets an object and inflates it. The client is the SDK's, with a
// pool of connections as large as is needed, which it doesn't have by itself. By
// default it verifies checksums, as the converter does; it can be told not to.
func (b *bench) getAndInflate(ctx context.Context, prefix string, concurrency int, validation aws.ResponseChecksumValidation) (figures, error) {
	client := sdk.NewFromConfig(s3test.Config(b.server.URL, awsclient.Options{Concurrency: concurrency}), func(o *sdk.Options) {
		o.UsePathStyle = true
		o.ResponseChecksumValidation = validation
	})
	bucket := "results"
	start := time.Now()
	keys := make(chan string, 1000)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(keys)
		pages := sdk.NewListObjectsV2Paginator(client, &sdk.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, o := range page.Contents {
				if key := aws.ToString(o.Key); strings.HasSuffix(key, ".jsonl.gz") {
					select {
					case keys <- key:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			}
		}
		return nil
	})
	zips := sync.Pool{New: func() any { return new(gzip.Reader) }}
	for range concurrency {
		group.Go(func() error {
			for key := range keys {
				out, err := client.GetObject(awsclient.WithObjectData(ctx), &sdk.GetObjectInput{Bucket: &bucket, Key: &key})
				if err != nil {
					return err
				}
				z := zips.Get().(*gzip.Reader)
				if err := z.Reset(out.Body); err != nil {
					return err
				}
				_, err = io.Copy(io.Discard, z)
				out.Body.Close()
				zips.Put(z)
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return figures{wall: time.Since(start)}, err
}
