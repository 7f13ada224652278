package main

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/store"
)

// inputs are what the arguments INPUT|DATASET... of a command name: datasets,
// or discovery results.
type inputs struct {
	datasets []*lake.Lake
	results  []string // inputs as input.Find takes them; none where there are datasets
	stores   []store.Store
}

// openInputs tells datasets, whose places hold a dataset's state, from inputs.
// The caller closes what it returns. Both in one command are a mistake: a dataset
// was made from results, which would then be there twice.
func openInputs(ctx context.Context, args []string) (*inputs, error) {
	in := &inputs{}
	for _, arg := range args {
		l, err := in.dataset(ctx, arg)
		if err != nil {
			in.close()
			return nil, err
		}
		if l != nil {
			in.datasets = append(in.datasets, l)
		} else {
			in.results = append(in.results, arg)
		}
	}
	if len(in.datasets) > 0 && len(in.results) > 0 {
		in.close()
		return nil, usagef("%s is a dataset and %s isn't: name datasets or results, not both", in.stores[0].URI("."), in.results[0])
	}
	return in, nil
}

// dataset opens the dataset that an argument names; nil if it names none.
func (in *inputs) dataset(ctx context.Context, arg string) (*lake.Lake, error) {
	if arg == input.StdinName {
		return nil, nil
	}
	s, err := openStore(ctx, arg)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrPermission) {
		return nil, nil // whatever it is: listing it says what is wrong
	}
	if err != nil {
		return nil, err
	}
	is, err := lake.IsDataset(ctx, s)
	if err == nil && is {
		var l *lake.Lake
		if l, err = lake.Open(ctx, s); err == nil {
			in.stores = append(in.stores, s)
			return l, nil
		}
	}
	s.Close() // nothing was written
	return nil, err
}

func (in *inputs) close() {
	for _, s := range in.stores {
		s.Close() // nothing was written
	}
}
