package state

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/internal/store/storetest"
	"github.com/macielake/macielake/pkg/sink"
)

const someNonce = "0123456789abcdef"

// someRun is run 1 of sampleDataset with one part of one source.
func someRun() *Run {
	d := sampleDataset()
	return &Run{Sum: digits, Claim: Claim{Number: 1, RunID: "000001-01234567", Nonce: someNonce, Dataset: d, Plan: Plan{Parts: 1, Sources: 1}}}
}

const somePath = "results/created_month=2026-01/000001-" + someNonce + "-00000-0.parquet"

func someReceipt() *Receipt {
	return &Receipt{
		RunID: "000001-01234567", Claim: digits, Attempt: someNonce,
		Files:     []File{{File: sink.File{Table: "results", Path: somePath, Rows: 1, Bytes: 2, SHA256: digits}}},
		Sources:   []Outcome{{State: Converted, Lines: 1, Records: 1}},
		Checksums: make([]byte, 8),
	}
}

// A receipt whose names would lead elsewhere, or whose numbers can't be, is
// damaged, also if its checksum is right.
func TestHostileReceipts(t *testing.T) {
	run := someRun()
	if err := someReceipt().check(run, 0); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(r *Receipt){
		"another run":         func(r *Receipt) { r.RunID = "000002-01234567" },
		"another claim":       func(r *Receipt) { r.Claim = strings.Repeat("0", 64) },
		"another part":        func(r *Receipt) { r.Part = 1 },
		"an attempt of dots":  func(r *Receipt) { r.Attempt = "../../../../etc/" },
		"no attempt":          func(r *Receipt) { r.Attempt = "" },
		"empty rejects":       func(r *Receipt) { r.Rejects = &RejectsFile{SHA256: digits} },
		"rejects unchecked":   func(r *Receipt) { r.Rejects = &RejectsFile{Bytes: 1} },
		"a path up":           func(r *Receipt) { r.Files[0].Path = "results/../_macielake/" + path.Base(somePath) },
		"a path up and out":   func(r *Receipt) { r.Files[0].Path = "results/../../" + path.Base(somePath) },
		"an absolute path":    func(r *Receipt) { r.Files[0].Path = "/" + somePath },
		"the state":           func(r *Receipt) { r.Files[0].Path = DatasetName },
		"another table's":     func(r *Receipt) { r.Files[0].Path = "detections/" + path.Base(somePath) },
		"another run's file":  func(r *Receipt) { r.Files[0].Path = strings.Replace(somePath, "000001", "000002", 1) },
		"another dataset's":   func(r *Receipt) { r.Files[0].Path = strings.Replace(somePath, someNonce, "fedcba9876543210", 1) },
		"another part's file": func(r *Receipt) { r.Files[0].Path = strings.Replace(somePath, "-00000-", "-00001-", 1) },
		"another format":      func(r *Receipt) { r.Files[0].Path = strings.Replace(somePath, ".parquet", ".arrow", 1) },
		"an unknown table":    func(r *Receipt) { r.Files[0].Table, r.Files[0].Path = "x", "x/"+path.Base(somePath) },
		"a table left out": func(r *Receipt) {
			r.Files[0].Table, r.Files[0].Path = "occurrences", "occurrences/"+path.Base(somePath)
		},
		"a file twice":      func(r *Receipt) { r.Files = append(r.Files, r.Files[0]) },
		"no rows":           func(r *Receipt) { r.Files[0].Rows = 0 },
		"fewer bytes":       func(r *Receipt) { r.Files[0].Bytes = -1 },
		"no hash":           func(r *Receipt) { r.Files[0].SHA256 = "x" },
		"a state":           func(r *Receipt) { r.Sources[0].State = "lost" },
		"a sum":             func(r *Receipt) { r.Sources[0].Lines = 2 },
		"negative":          func(r *Receipt) { r.Sources[0].Stored = -1 },
		"too filtered":      func(r *Receipt) { r.Sources[0].Filtered = 2 },
		"rejected rows":     func(r *Receipt) { r.Sources[0].State = Rejected },
		"too few checksums": func(r *Receipt) { r.Checksums = nil },
	} {
		r := someReceipt()
		change(r)
		if r.check(run, 0) == nil {
			t.Errorf("%s isn't seen", name)
		}
	}
}

// So is an end record.
func TestHostileEnds(t *testing.T) {
	m := newMade(t)
	run := m.runs[0]
	_, good, err := LoadEnd(t.Context(), m, &m.d, run.Address())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(e *End){
		"another claim":    func(e *End) { e.Claim = m.runs[1].raw },
		"no claim":         func(e *End) { e.Claim = json.RawMessage("null") },
		"another state":    func(e *End) { e.State = "open" },
		"no totals":        func(e *End) { e.Totals = nil },
		"a part less":      func(e *End) { e.Parts = e.Parts[:1] },
		"no receipt":       func(e *End) { e.Parts[0].Receipt = "" },
		"a path up":        func(e *End) { e.Parts[0].Files[0].Path = "results/../../x" },
		"a file twice":     func(e *End) { e.Parts[0].Files = append(e.Parts[0].Files, e.Parts[0].Files[0]) },
		"another's file":   func(e *End) { e.Parts[0].Files = e.Parts[1].Files },
		"unhashed rejects": func(e *End) { e.Parts[0].Rejects = &RejectsFile{Bytes: 1} },
	} {
		e := *good
		e.Parts = nil
		for _, p := range good.Parts {
			p.Files = append([]File{}, p.Files...)
			e.Parts = append(e.Parts, p)
		}
		change(&e)
		s := storetest.NewMemory("memory:")
		if err := PutEnd(t.Context(), s, run, &e); err != nil {
			t.Fatal(err)
		}
		if _, _, err := LoadEnd(t.Context(), s, &m.d, run.Address()); err == nil {
			t.Errorf("%s isn't seen", name)
		}
	}
}

// A receipt of any bytes is taken or refused, and what is taken stays inside.
func FuzzReceipt(f *testing.F) {
	good, _ := json.Marshal(someReceipt())
	f.Add(good)
	f.Add([]byte(`{"run_id":"000001-01234567","attempt":"0123456789abcdef","sources":[[1,1,0,0,0,1]]}`))
	f.Add([]byte(`{"sources":[{"state":"converted","lines":9223372036854775807,"records":1}]}`))
	run := someRun()
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &Receipt{}
		if json.Unmarshal(data, r) != nil || r.check(run, 0) != nil {
			return
		}
		for _, file := range r.Staged(run.Address()) {
			for _, name := range []string{file.From, file.To} {
				if !fs.ValidPath(name) || path.Clean(name) != name {
					t.Errorf("%q", name)
				}
			}
			if !strings.HasPrefix(file.From, StagingDir+"/"+run.Address().Part(0)+"-") ||
				strings.HasPrefix(file.To, store.StateDir) && file.To != RejectsName(run.Address(), 0) {
				t.Errorf("%q to %q", file.From, file.To)
			}
		}
		end := NewEnd(run)
		end.Add(r, digits)
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Receipt
		if err := json.Unmarshal(again, &back); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}

// A record of any bytes is taken or refused.
func FuzzRecord(f *testing.F) {
	good, _, err := encode(sampleDataset())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte(sumKey + digits + sumEnd))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, append(bytes.Clone(data), sumKey+hexSum(data)+sumEnd...)} {
			var d Dataset
			if _, err := decode(data, &d); err == nil {
				_ = d.check()
			}
			d = sampleDataset()
			_, _ = parseClaim(data, &d, 1)
		}
	})
}

// A plan of any bytes is taken or refused; what is taken is in order.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(`{"part":0,"uri":"a","size":1,"last_modified":0}`+"\n"+`{"part":1,"uri":"b","size":-1,"last_modified":0,"lines":[1,3]}`), 2, int64(2))
	f.Add([]byte(`{"part":-1,"uri":"a"}`), 1, int64(1))
	f.Fuzz(func(t *testing.T, data []byte, parts int, sources int64) {
		var buf bytes.Buffer
		zw := gzip.NewWriter(&buf)
		zw.Write(data)
		zw.Close()
		s := storetest.NewMemory("memory:")
		segment := hexSum(buf.Bytes())
		if err := s.PutNew(t.Context(), planName(segment), buf.Bytes()); err != nil {
			t.Fatal(err)
		}
		run := &Run{Claim: Claim{Number: 1, Dataset: sampleDataset(), Plan: Plan{Parts: parts, Sources: sources, Segments: []Segment{{SHA256: segment}}}}}
		n, part := int64(0), 0
		err := ReadPlan(t.Context(), s, run, 0, func(p *PlannedSource) error {
			n++
			if p.Part < part || p.Part > part+1 || p.Part >= parts || p.URI == "" {
				t.Errorf("source %d of part %d after part %d of %d", n, p.Part, part, parts)
			}
			part = p.Part
			return nil
		})
		if err == nil && (n != sources || part+1 != parts) {
			t.Errorf("%d sources in %d parts, want %d in %d", n, part+1, sources, parts)
		}
	})
}
