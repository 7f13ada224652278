package sink

import (
	"io"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/parquet"
	"github.com/macielake/macielake/pkg/schema"
)

// ParquetOptions say how Parquet files are written.
type ParquetOptions struct {
	// Compression of the pages: zstd, snappy or none; empty means zstd.
	Compression string
	// CreatedBy names the writer in the files' footers; empty means macielake.
	CreatedBy string
	// Share is given the columns of an encoder to work on; nil works on one
	// after the other.
	Share Share
}

// Parquet returns the format of Parquet files (".parquet"): data pages of
// version 1, all columns optional, exact statistics for every column chunk, no
// page index, no bloom filters. A text over 1 GiB is an error of the encoder. The
// only error here is a compression that isn't listed.
func Parquet(o ParquetOptions) (Format, error) {
	f, err := parquet.New(parquet.Options{Compression: o.Compression, CreatedBy: o.CreatedBy, Share: o.Share})
	if err != nil {
		return nil, err
	}
	return parquetFormat{f}, nil
}

type parquetFormat struct{ *parquet.Format }

func (parquetFormat) Extension() string { return ".parquet" }

func (f parquetFormat) NewEncoder(w io.Writer, t *schema.Table) (Encoder, error) {
	return f.Format.NewEncoder(w, t)
}

// ArrowOptions say how Arrow files are written.
type ArrowOptions struct {
	// Compression of the record batches' buffers: zstd or none; empty means
	// zstd. (The Arrow IPC format has no snappy.)
	Compression string
}

// Arrow returns the format of Arrow IPC files (".arrow", also known as Feather
// version 2) with plain utf8 text. An encoder's row group is a record batch. The
// only error is a compression that Arrow doesn't have.
func Arrow(o ArrowOptions) (Format, error) {
	f, err := arrowio.New(arrowio.Options{Compression: o.Compression})
	if err != nil {
		return nil, err
	}
	return arrowFormat{f}, nil
}

type arrowFormat struct{ *arrowio.Format }

func (arrowFormat) Extension() string { return ".arrow" }

func (f arrowFormat) NewEncoder(w io.Writer, t *schema.Table) (Encoder, error) {
	return f.Format.NewEncoder(w, t)
}
