package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"

	"github.com/klauspost/compress/gzip"

	"github.com/macielake/macielake/internal/store"
)

// segmentSources is how many sources a plan's segment lists.
const segmentSources = 100_000

// PutPlan writes a plan in segments, which are gzip'd JSON Lines named by their
// hash, and returns those names. It is done before run.json, which names them.
func PutPlan(ctx context.Context, s store.Store, sources iter.Seq[PlannedSource]) ([]string, error) {
	var names []string
	var buf bytes.Buffer
	// Nothing else of a run goes on meanwhile: speed counts more than size.
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	enc := json.NewEncoder(zw)
	enc.SetEscapeHTML(false)
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		if err := zw.Close(); err != nil {
			return fmt.Errorf("encoding the plan: %w", err)
		}
		sum := sha256.Sum256(buf.Bytes())
		name := hex.EncodeToString(sum[:])
		// The same segment may be there from a run that died: it is equal.
		err := s.PutNew(ctx, path.Join(stateDir, "plans", name+".jsonl.gz"), buf.Bytes())
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		names = append(names, name)
		buf.Reset()
		zw.Reset(&buf)
		n = 0
		return nil
	}
	for src := range sources {
		if err := enc.Encode(src); err != nil {
			return nil, fmt.Errorf("encoding the plan: %w", err)
		}
		if n++; n == segmentSources {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return names, nil
}
