// Package schema defines what a sensitive data discovery result is: the tables
// it becomes, the columnar [Batch] that holds many results at once, and the
// decoder that turns lines of JSON into the rows of a batch. It is pure: no
// files, no network, no goroutines, no clock.
//
// Start with [Batch] and [NewDecoder]:
//
//	dec := schema.NewDecoder(schema.DecoderOptions{})
//	b := schema.NewBatch()
//	b.AppendLines(schema.Source{URI: "s3://bucket/key"}, 1, 0, lines)
//	dec.Decode(b)
//	for i := range b.Results {
//		fmt.Printf("%s\n", b.Text(b.Results[i].Text[schema.ObjectKey]))
//	}
//
// [Results], [Detections] and [Occurrences] describe the three tables column by
// column. Code that writes a format walks these definitions instead of knowing
// the columns.
//
// The input's rules come from the Macie API reference (data types Finding,
// ClassificationDetails, Occurrences, Cell, Range, Page, Record) and from files
// that Macie wrote; docs/dataset.md lists what is accepted and what is not.
package schema
