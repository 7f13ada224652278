package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// tables are the directories of a dataset that hold tables.
func tables() []string {
	var names []string
	for _, t := range schema.Tables() {
		names = append(names, t.Name)
	}
	return append(names, state.RunsTable)
}

// createOnly are the names of a dataset of which nothing is ever replaced: all but
// leases and the ledger, which decide nothing, and the probe.
func createOnly() []string {
	var names []string
	for _, dir := range append(tables(), state.RunsDir, state.PlansDir, state.ReceiptsDir, state.StagingDir,
		state.RejectsDir, state.LooksDir, state.CaveatsDir) {
		names = append(names, dir+"/")
	}
	return append(names, state.DatasetName, state.DroppedName)
}

// output looks whether a dataset could be written: it does what a conversion
// does, with the file that conversions use to look for the same.
func (d *doctor) output(ctx context.Context) {
	s := d.report.section(outputSubject, d.o.Out)
	out, err := d.o.OpenOut(ctx)
	if err != nil {
		d.fail(s, "open", err)
		return
	}
	defer out.Close()
	var bucket *s3.Bucket
	if s3.IsURI(d.o.Out) { // OpenOut takes no pattern
		place, b, err := d.place(ctx, d.o.Out)
		if err != nil {
			d.fail(s, "bucket", err)
			return
		}
		place.Object = false
		found(s, b)
		d.out, bucket = place, b
	}
	d.content(ctx, s, out)
	left, ok := d.write(ctx, s, out)
	if ok && bucket != nil {
		d.outputKey(ctx, s, bucket, out)
	}
	switch err := tidy(context.WithoutCancel(ctx), out, left); {
	case err == nil || !left:
	case awsclient.KindOf(err) == awsclient.Denied:
		s.ok("left", "%s, as conversions do: removing it isn't allowed, and needn't be", out.URI(state.ProbeName))
	default:
		s.ok("left", "%s, as conversions do: %v", out.URI(state.ProbeName), err)
	}
}

// tidy removes what is new, where that is allowed.
func tidy(ctx context.Context, out store.Store, probe bool) error {
	if probe {
		if err := out.RemoveAll(ctx, state.ProbeName); err != nil {
			return err
		}
		if err := out.Prune(ctx, store.StateDir); err != nil {
			return err
		}
	}
	return out.Discard(ctx)
}

// content says what is there.
func (d *doctor) content(ctx context.Context, s *Section, out store.Store) {
	const name = "content"
	_, err := state.Load(ctx, out)
	if err == nil {
		s.ok(name, "a dataset")
		return
	}
	if !errors.Is(err, state.ErrForeign) {
		d.fail(s, name, err)
		return
	}
	empty, err := state.IsNew(ctx, out)
	switch {
	case err != nil:
		d.fail(s, name, err)
	case empty:
		s.ok(name, "nothing yet")
	default:
		s.failed(name, "name a new or empty place, or that of a dataset", "files, but no dataset")
	}
}

// write puts the probe there, and again. It reports whether there is one now that
// wasn't there before, and whether that could be written.
func (d *doctor) write(ctx context.Context, s *Section, out store.Store) (left, ok bool) {
	probe := func() []byte { return fmt.Appendf(nil, "{\"probe\":%q}\n", rand.Text()) }
	_, err := out.Stat(ctx, state.ProbeName)
	fresh := errors.Is(err, fs.ErrNotExist)
	content := probe()
	if err := out.Put(ctx, state.ProbeName, content); err != nil {
		d.fail(s, "write", err)
		s.notKnown("create_only", "", "nothing could be written")
		return false, false
	}
	s.ok("write", "%s", out.URI(state.ProbeName))

	const fix = "use a store that honours If-None-Match: two conversions at a time would spoil each other"
	switch err := out.PutNew(ctx, state.ProbeName, probe()); {
	case errors.Is(err, fs.ErrExist):
		s.ok("create_only", "what is there already isn't replaced")
	case err == nil:
		s.failed("create_only", fix, "the store replaces files that should only be created")
	case awsclient.KindOf(err) == awsclient.Unsupported:
		s.failed("create_only", fix, "%v", err)
	default:
		d.fail(s, "create_only", err)
	}

	switch got, err := readAll(ctx, out); {
	case err != nil:
		d.fail(s, "read_back", err)
	case string(got) != string(content) && s.Checks[len(s.Checks)-1].State == OK:
		s.failed("read_back", "", "what was read isn't what was written")
	default:
		s.ok("read_back", "%d bytes", len(got))
	}
	return fresh, true
}

func readAll(ctx context.Context, out store.Store) ([]byte, error) {
	r, err := out.Open(ctx, state.ProbeName)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	const most = 1 << 10
	return io.ReadAll(io.LimitReader(r, most))
}

// outputKey finds out what the dataset is encrypted with: its policies name it.
func (d *doctor) outputKey(ctx context.Context, s *Section, b *s3.Bucket, out store.Store) {
	_, key, err := s3.ParseURI(out.URI(state.ProbeName))
	if err != nil {
		d.unknown(s, "encrypted", err)
		return
	}
	head, err := b.Head(ctx, key)
	switch {
	case err != nil:
		d.unknown(s, "encrypted", err)
	case head.Key != "":
		d.out.Keys = []string{head.Key}
		s.ok("encrypted", "%s with %s", head.Encryption, head.Key)
	case head.Encryption != "":
		s.ok("encrypted", "%s", head.Encryption)
	default:
		s.notKnown("encrypted", "", "the store names no encryption")
	}
}
