package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
)

// configFlag is the flag of the commands that answer by a configuration.
type configFlag struct{ file string }

func (c *configFlag) addFlags(f *pflag.FlagSet) {
	f.StringVar(&c.file, "config", "", "`FILE` with owners, accepted findings, names and more: see docs/config.md")
}

// read reads the configuration; nil without one. A document says which it was.
func (c *configFlag) read(s *session) (*config.Config, error) {
	if c.file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.file)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	read, err := config.Parse(c.file, data, time.Now())
	if err != nil {
		return nil, err
	}
	s.config = read.SHA256
	return read, nil
}

// note says which configuration it was, where neither a document nor the answer does.
func (c *configFlag) note(s *session) {
	if c.file != "" && !s.json {
		fmt.Fprintf(s.stderr, "note: configuration %s, SHA-256 %s\n", text.Printable(c.file), s.config)
	}
}

// needed returns a usage error where a filter on some fields, or something else, asks
// for owners and no configuration says whose objects are.
func (c *configFlag) needed(f *where.Filter, fields []where.Field, byOwner bool) error {
	if c.file == "" && (byOwner || f != nil && slices.ContainsFunc(f.Fields(), func(i int) bool { return fields[i].Name == query.OwnerField })) {
		return usagef("%s needs --config, which says whose objects are", query.OwnerField)
	}
	return nil
}
