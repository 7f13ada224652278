package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
)

// session is one use of the command line: what it reads, and where its answer,
// its errors and notes on the way are written. A command gives its answer once, to
// answer or to rows. It is not safe for concurrent use.
type session struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	args      []string
	json      bool   // --json: the answer is part of a document
	command   string // such as "convert"; empty before it is known
	config    string // SHA-256 of the file of --config; empty without
	started   time.Time
	value     any // of answer
	answered  bool
	caveats   []any
	array     *arrayWriter // nil unless rows began a document
	then      func() error // done once the answer is written; nil for nothing
	helpError error        // of printing help, which cobra doesn't ask for
}

// document is what --json prints, a line of JSON: docs/json.md describes it. The
// answer stands between its head and its tail, so that rows can be written before
// it is known how they end.
type (
	documentHead struct {
		Command string    `json:"command"`
		Version string    `json:"version"`
		Time    time.Time `json:"time"`                    // when the command began
		Config  string    `json:"config_sha256,omitempty"` // of the file of --config
	}
	documentTail struct {
		Caveats  []any  `json:"caveats,omitempty"`
		ExitCode int    `json:"exit_code"`
		Error    string `json:"error,omitempty"`
		Hint     string `json:"hint,omitempty"`
	}
)

// answer gives a command's answer: value in a document, otherwise what print
// writes to standard output.
func (s *session) answer(value any, print func(w io.Writer) error) error {
	s.answered = true
	if s.json {
		s.value = value
		return nil
	}
	if err := print(s.stdout); err != nil {
		return &printError{err}
	}
	return nil
}

// rows gives an answer that has any number of rows: write writes them as
// newline-delimited JSON, which become an array in a document. It returns the
// error of write.
func (s *session) rows(write func(w io.Writer) error) error {
	s.answered = true
	if !s.json {
		return write(s.stdout)
	}
	head, err := s.head()
	if err != nil {
		return err
	}
	s.array = &arrayWriter{w: s.stdout, start: append(head, `,"answer":[`...)}
	return write(s.array)
}

// caveat adds to the answer what limits it.
func (s *session) caveat(c any) { s.caveats = append(s.caveats, c) }

// head returns the document up to its answer.
func (s *session) head() ([]byte, error) {
	head, err := marshalJSON(documentHead{s.command, version(), s.started.UTC().Truncate(time.Second), s.config})
	return bytes.TrimSuffix(head, []byte("}")), err
}

// marshalJSON returns v as JSON on one line, which is fit for a terminal, too.
func marshalJSON(v any) ([]byte, error) {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return text.EscapeJSON(bytes.TrimSuffix(line.Bytes(), []byte("\n"))), nil
}

// finish ends a command with its error, which may be nil: it prints the document,
// or what is left of it, prints the error with a hint what to do about it, and
// returns the exit code. It is the only place that does.
func (s *session) finish(err error) int {
	code, message, hint := describe(err, s.command)
	if s.json && (s.answered || err != nil) {
		if printing := s.printDocument(code, message, hint); printing != nil && message == "" {
			err = &printError{printing}
			code, message, hint = describe(err, s.command)
		}
	}
	if s.then != nil && message == "" {
		if after := s.then(); after != nil {
			code, message, hint = describe(after, s.command)
		}
	}
	if message != "" {
		fmt.Fprintf(s.stderr, "macielake: %s\n", message)
		if hint != "" {
			fmt.Fprintf(s.stderr, "hint: %s\n", hint)
		}
	}
	if syntax := (*where.SyntaxError)(nil); errors.As(err, &syntax) {
		fmt.Fprintln(s.stderr, syntax.Caret(text.Printable, text.Width))
	}
	return code
}

// printDocument prints the document, or what follows the rows that were printed.
func (s *session) printDocument(code int, message, hint string) error {
	tail, err := marshalJSON(documentTail{s.caveats, code, message, hint})
	if err != nil {
		return err
	}
	tail[0] = ',' // in place of its brace
	if s.array != nil {
		return s.array.end(append(tail, '\n'))
	}
	line, err := s.head()
	if err == nil && s.answered {
		var answer []byte
		answer, err = marshalJSON(s.value)
		line = append(append(line, `,"answer":`...), answer...)
	}
	if err == nil {
		_, err = s.stdout.Write(append(append(line, tail...), '\n'))
	}
	return err
}

// describe returns the exit code of an error, and what to print: a message, and a
// hint what to do. An outcome alone prints nothing.
func describe(err error, command string) (code int, message, hint string) {
	if err == nil {
		return exitOK, "", ""
	}
	if o := (*outcome)(nil); errors.As(err, &o) {
		return o.code, "", ""
	}
	code, hint = classify(err)
	if usage := (*usageError)(nil); errors.As(err, &usage) && hint == "" {
		hint = strings.TrimSpace("see 'macielake help " + command)
		hint += "'"
	}
	// Errors that were joined have a line each.
	return code, text.Printable(strings.ReplaceAll(err.Error(), "\n", "; ")), hint
}

// wantsJSON reports whether arguments that could not be parsed have --json.
func wantsJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}

// arrayWriter turns lines of JSON into the elements of an array, after the start
// of a document. It writes nothing before the first line is whole.
type arrayWriter struct {
	w     io.Writer
	start []byte
	rest  []byte // of a line that isn't whole
	lines int64
	out   []byte
}

// Write implements io.Writer.
func (a *arrayWriter) Write(p []byte) (int, error) {
	a.out = a.out[:0]
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			a.rest = append(a.rest, rest...)
			break
		}
		a.begin()
		a.out = append(append(a.out, a.rest...), rest[:i]...)
		a.rest, rest = a.rest[:0], rest[i+1:]
	}
	if len(a.out) == 0 {
		return len(p), nil
	}
	if _, err := a.w.Write(a.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// begin puts what precedes an element: the start, or a comma.
func (a *arrayWriter) begin() {
	if a.lines == 0 {
		a.out = append(a.out, a.start...)
	} else {
		a.out = append(a.out, ',')
	}
	a.out = append(a.out, '\n')
	a.lines++
}

// end closes the array and writes the rest of the document. A line that isn't whole
// is left out.
func (a *arrayWriter) end(rest []byte) error {
	a.out = a.out[:0]
	if a.lines == 0 {
		a.out = append(a.out, a.start...)
	}
	a.out = append(append(a.out, ']'), rest...)
	_, err := a.w.Write(a.out)
	return err
}
