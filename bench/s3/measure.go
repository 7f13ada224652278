package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/macielake/macielake/internal/s3/s3test"
)

// Bars that measure holds.
const (
	smallShare   = 0.8 // of the plain loop's rate
	mixedShare   = 0.8 // of the rate from local files
	delayShare   = 0.8 // of the rate without delay
	delay        = 30 * time.Millisecond
	concurrency  = 64
	manyAtOnce   = 256
	maxMemory    = 400 << 20
	smallObjects = 10_200 // inflated bytes of one, about
)

func (b *bench) measure(ctx context.Context) error {
	if err := b.small(ctx); err != nil {
		return err
	}
	if err := b.mixed(ctx); err != nil {
		return err
	}
	if b.missed {
		return fmt.Errorf("a bar is missed")
	}
	return nil
}

// bar prints a figure beside its bar.
func (b *bench) bar(what string, got, want float64, atLeast bool) {
	verdict := "met"
	if atLeast == (got < want) {
		verdict, b.missed = "MISSED", true
	}
	fmt.Printf("%-60s %8.2f  bar %8.2f  %s\n", what, got, want, verdict)
}

func (b *bench) small(ctx context.Context) error {
	_, _, objects, err := b.upload(ctx, "small", "small", int64(b.objects)*smallObjects)
	if err != nil {
		return err
	}
	loop := func(validation aws.ResponseChecksumValidation) func() (figures, error) {
		return func() (figures, error) { return b.getAndInflate(ctx, "small/", concurrency, validation) }
	}
	best, err := b.best(
		loop(aws.ResponseChecksumValidationWhenSupported), // what a loaded configuration has
		loop(aws.ResponseChecksumValidationWhenRequired),
		func() (figures, error) { return b.convert(ctx, b.server.URL, "s3://results/small", concurrency) },
	)
	if err != nil {
		return err
	}
	plain, unchecked, f := best[0], best[1], best[2]
	rate := func(f figures) float64 { return float64(objects) / f.wall.Seconds() }
	fmt.Printf("%d small objects: plain loop %.0f/s (%.0f/s without checksums), convert %.0f/s (%.2f s CPU), peak %d MB\n",
		objects, rate(plain), rate(unchecked), rate(f), f.cpu.Seconds(), f.memory>>20)
	b.bar("small objects: rate of the plain loop", plain.wall.Seconds()/f.wall.Seconds(), smallShare, true)
	return nil
}

func (b *bench) mixed(ctx context.Context) error {
	dir, bytes, objects, err := b.upload(ctx, "mixed", "mixed", b.size)
	if err != nil {
		return err
	}
	rate := func(f figures) float64 { return float64(bytes) / 1e6 / f.wall.Seconds() }
	best, err := b.best(
		func() (figures, error) { return b.convert(ctx, b.server.URL, dir, concurrency) },
		func() (figures, error) { return b.convert(ctx, b.server.URL, "s3://results/mixed", concurrency) },
	)
	if err != nil {
		return err
	}
	local, inS3 := best[0], best[1]
	fmt.Printf("%d mixed objects, %d MB: local %.0f MB/s (%.2f s CPU), S3 %.0f MB/s (%.2f s CPU), peak %d MB\n", objects, bytes/1e6,
		rate(local), local.cpu.Seconds(), rate(inS3), inS3.cpu.Seconds(), inS3.memory>>20)
	b.bar("mixed: rate from local files", rate(inS3)/rate(local), mixedShare, true)
	return b.delayed(ctx)
}

// delayed compares the small objects without and with a delay of each GET, both
// through the same proxy.
func (b *bench) delayed(ctx context.Context) error {
	proxy, stop, err := s3test.RunProxy(b.server)
	if err != nil {
		return err
	}
	defer stop()
	get := func(r *http.Request) bool { return s3test.Op(r) == "GetObject" }
	side := func(script ...s3test.Fault) func() (figures, error) {
		return func() (figures, error) {
			proxy.Script(script...)
			return b.convert(ctx, proxy.URL, "s3://results/small", manyAtOnce)
		}
	}
	rates, err := b.best(side(), side(s3test.Fault{Match: get, Do: s3test.Delay(delay)}))
	if err != nil {
		return err
	}
	fmt.Printf("through a proxy, %d at once: %.2f s without delay, %.2f s with %v a GET\n", manyAtOnce, rates[0].wall.Seconds(), rates[1].wall.Seconds(), delay)
	b.bar("with a delay: rate without", rates[0].wall.Seconds()/rates[1].wall.Seconds(), delayShare, true)
	b.bar("peak memory, MB", float64(max(rates[0].memory, rates[1].memory))/(1<<20), maxMemory>>20, false)
	return nil
}
