package arrowio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// ipcFile writes an Arrow IPC file. It is made of what arrow-go gives for its
// parts, and not by ipc.FileWriter, because that one keeps a zstd encoder to
// itself from the first record batch to the end of the file: 18 MB for each
// open file, and every partition has one open.
//
// The layout (Arrow columnar format, IPC file format): magic, schema message,
// record batch messages, end of stream, footer, its size, magic.
type ipcFile struct {
	out     countingWriter
	options []ipc.Option
	end     []byte  // of a file without record batches, from the end of stream on
	blocks  []byte  // of the footer, one a record batch
	starts  []int64 // where the record batches begin
}

const (
	magicSize = len("ARROW1")
	eosSize   = 8
	blockSize = 24 // struct Block: offset, 8 bytes; metadata length, 4; padding, 4; body length, 8
)

func newIPCFile(w io.Writer, s *arrow.Schema, options []ipc.Option) (*ipcFile, error) {
	var empty bytes.Buffer
	f, err := ipc.NewFileWriter(&empty, append(options[:len(options):len(options)], ipc.WithSchema(s))...)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	file := empty.Bytes()
	footerEnd := len(file) - magicSize - 4
	footerSize := int(binary.LittleEndian.Uint32(file[footerEnd:]))
	end := footerEnd - footerSize - eosSize
	a := &ipcFile{out: countingWriter{w: w}, options: options, end: file[end:]}
	_, err = a.out.Write(file[:end])
	return a, err
}

// write writes a record batch.
func (a *ipcFile) write(record arrow.RecordBatch) error {
	payload, err := ipc.GetRecordBatchPayload(record, a.options...)
	if err != nil {
		return err
	}
	defer payload.Release()
	start := a.out.n
	metadata, err := payload.WritePayload(&a.out)
	if err != nil {
		return err
	}
	a.starts = append(a.starts, start)
	a.blocks = binary.LittleEndian.AppendUint64(a.blocks, uint64(start))
	a.blocks = binary.LittleEndian.AppendUint64(a.blocks, uint64(metadata)) // and the padding
	a.blocks = binary.LittleEndian.AppendUint64(a.blocks, uint64(a.out.n-start)-uint64(metadata))
	return nil
}

// close writes the end of the file.
func (a *ipcFile) close() error {
	footerEnd := len(a.end) - magicSize - 4
	footer, err := addBlocks(a.end[eosSize:footerEnd], a.blocks)
	if err != nil {
		return err
	}
	end := append(a.end[:eosSize:eosSize], footer...)
	end = binary.LittleEndian.AppendUint32(end, uint32(len(footer)))
	end = append(end, a.end[len(a.end)-magicSize:]...)
	_, err = a.out.Write(end)
	return err
}

// addBlocks returns footer, a flatbuffer without record batches, with those.
//
// A flatbuffer's table holds, for a vector, how far ahead of that very field
// the vector is. So another vector can stand behind all the rest, if its
// elements start at a multiple of 8 as those of Block must.
func addBlocks(footer, blocks []byte) ([]byte, error) {
	const recordBatches = 3 // the field's number in table Footer
	le := binary.LittleEndian
	table := int(le.Uint32(footer))
	vtable := table - int(int32(le.Uint32(footer[table:])))
	field := int(le.Uint16(footer[vtable+4+2*recordBatches:]))
	if field == 0 {
		return nil, fmt.Errorf("arrow-go's footer has no vector of record batches")
	}
	field += table
	footer = bytes.Clone(footer)
	for len(footer)%8 != 4 {
		footer = append(footer, 0)
	}
	le.PutUint32(footer[field:], uint32(len(footer)-field))
	footer = le.AppendUint32(footer, uint32(len(blocks)/blockSize))
	return append(footer, blocks...), nil
}

// countingWriter counts the bytes that went to w.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
