package sink

import (
	"io"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/parquet"
	"github.com/macielake/macielake/pkg/schema"
)

// ParquetOptions are the options of [Parquet].
type ParquetOptions struct {
	// Compression is the compression of pages: zstd, snappy or none; empty means
	// zstd.
	Compression string
	// CreatedBy names the writer in the files' footers; empty means macielake.
	CreatedBy string
	// Share encodes an encoder's columns, one per piece; nil encodes one after the
	// other.
	Share Share
}

// Parquet returns the format of Parquet files (".parquet"): data pages of version 1,
// all columns optional, exact statistics for every column chunk, no page index, no
// bloom filters (Apache Parquet format specification). Encoders return an error for a
// text over 1 GiB. Parquet returns an error for an unknown compression.
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

// ArrowOptions are the options of [Arrow].
type ArrowOptions struct {
	// Compression is the compression of the record batches' buffers: zstd or none;
	// empty means zstd. The Arrow IPC format has no snappy.
	Compression string
}

// Arrow returns the format of Arrow IPC files (".arrow", also known as Feather version
// 2) with texts of type utf8 (Arrow columnar format specification, IPC file format).
// An encoder's row group is a record batch. Arrow returns an error for an unknown
// compression.
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
