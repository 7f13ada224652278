package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/macielake/macielake/internal/change"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/render"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/text"
)

// splitFiles are files in a directory, one for each owner and one for what is nobody's.
type splitFiles struct {
	dir    string
	ndjson bool // else Markdown
}

// split returns the files of --split-by; nil without it.
func (o *diffOptions) split(args []string) (*splitFiles, error) {
	switch {
	case o.splitBy.value == "" && len(args) == 0:
		return nil, nil
	case o.splitBy.value == "":
		return nil, usagef("%q is one argument too many: a directory goes with --split-by owner", args[0])
	case len(args) == 0:
		return nil, usagef("--split-by %s needs a directory after the dataset", o.splitBy.value)
	case o.config.file == "":
		return nil, usagef("--split-by %s needs --config, which says whose objects are", o.splitBy.value)
	case o.output.value == "json" || o.output.value == "ocsf":
		return nil, usagef("--split-by writes markdown or ndjson: --json prints the report beside it")
	case s3.IsURI(args[0]):
		return nil, usagef("--split-by writes to a local directory, not to %s", args[0])
	}
	there, err := os.ReadDir(args[0])
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("reading the directory of --split-by: %w", err)
	case len(there) > 0:
		return nil, usagef("%s isn't empty: name a new directory, as files of an earlier answer could pass for this one's", args[0])
	}
	return &splitFiles{dir: args[0], ndjson: o.output.value == "ndjson"}, nil
}

// write writes the files, and their names into the report. It replaces none.
func (f *splitFiles) write(ctx context.Context, report *change.Report, r *change.Reporter, dataset string, c *config.Config) (err error) {
	if err := os.MkdirAll(f.dir, 0o777); err != nil {
		return fmt.Errorf("making the directory of --split-by: %w", err)
	}
	var file *os.File
	out := bufio.NewWriter(io.Discard)
	end := func() error {
		if file == nil {
			return nil
		}
		if err := errors.Join(out.Flush(), file.Close()); err != nil {
			return fmt.Errorf("writing %s: %w", file.Name(), err)
		}
		return nil
	}
	begun := 0 // owners that have a file
	var tickets *render.Tickets
	next := func() error {
		if err := end(); err != nil {
			return err
		}
		owned := &report.Owners[begun]
		begun++
		owned.File = filepath.Join(f.dir, fileOf(owned.Owner)+f.extension())
		if file, err = os.OpenFile(owned.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666); err != nil {
			return fmt.Errorf("writing the changes of %q: %w", owned.Owner, err)
		}
		out.Reset(file)
		if f.ndjson {
			return nil
		}
		tickets = &render.Tickets{Dataset: dataset, Config: c}
		return render.Owned(report, owned, dataset).Write(out, text.Markdown, text.Options{})
	}
	err = r.EachRecord(ctx, func(owner int, record []byte) error {
		for begun <= owner {
			if err := next(); err != nil {
				return err
			}
		}
		switch {
		case f.ndjson:
			_, err := out.Write(append(text.EscapeJSON(record), '\n'))
			return err
		case report.FirstRun: // all is known
			return nil
		}
		ticket, err := tickets.Add(record)
		if err == nil {
			_, err = out.WriteString(ticket)
		}
		return err
	})
	for err == nil && begun < len(report.Owners) {
		err = next()
	}
	return errors.Join(err, end())
}

func (f *splitFiles) extension() string {
	if f.ndjson {
		return ".ndjson"
	}
	return ".md"
}

// fileOf is the name of an owner's file without its extension; no two owners have the
// same. A space is "_", and bytes other than letters, digits and "-@." are %XX in
// hexadecimal, as is a dot at the beginning.
func fileOf(owner string) string {
	switch owner {
	case "":
		return nobody
	case nobody: // an owner of that name
		return "%6Eobody"
	}
	var b strings.Builder
	for i, c := range []byte(owner) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '@', c == '.' && i > 0:
			b.WriteByte(c)
		case c == ' ':
			b.WriteByte('_')
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
