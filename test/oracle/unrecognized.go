package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// field is a place in a result where something known can stand: an object
// with its fields, an array with its element, or a scalar (neither).
type field struct {
	fields  map[string]*field
	element *field
}

// knownFields returns what structure.json knows.
func knownFields() (*field, error) {
	var tree any
	if err := json.Unmarshal([]byte(structure), &tree); err != nil {
		return nil, fmt.Errorf("structure.json: %w", err)
	}
	return fieldOf(tree), nil
}

func fieldOf(tree any) *field {
	switch t := tree.(type) {
	case map[string]any:
		f := &field{fields: make(map[string]*field, len(t))}
		for name, child := range t {
			f.fields[name] = fieldOf(child)
		}
		return f
	case []any:
		return &field{element: fieldOf(t[0])}
	default:
		return &field{}
	}
}

var (
	errNotOneObject = errors.New("not one JSON object")
	errWrongType    = errors.New("a value of another type than its field")
)

// unrecognized returns the fields of a line that known doesn't have, as the
// canonical text of one JSON object from full path to value; "" when there are
// none. Of an unknown field that stands there twice, the last one is kept.
func unrecognized(known *field, line []byte) (string, error) {
	w := walker{dec: json.NewDecoder(bytes.NewReader(line)), unknown: map[string]json.RawMessage{}}
	if first := bytes.TrimLeft(line, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return "", errNotOneObject
	}
	if err := w.value(known, nil); err != nil {
		return "", err
	}
	if _, err := w.dec.Token(); err != io.EOF {
		return "", errNotOneObject
	}
	if len(w.unknown) == 0 {
		return "", nil
	}
	object, err := json.Marshal(w.unknown)
	if err != nil {
		return "", err
	}
	return canonical(string(object))
}

type walker struct {
	dec     *json.Decoder
	unknown map[string]json.RawMessage
}

// value reads the next value, which stands at path.
func (w *walker) value(known *field, path []byte) error {
	token, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch {
	case token == json.Delim('{') && known.fields != nil:
		return w.object(known, path)
	case token == json.Delim('[') && known.element != nil:
		for i := 0; w.dec.More(); i++ {
			at := append(strconv.AppendInt(append(path, '['), int64(i), 10), ']')
			if err := w.value(known.element, at); err != nil {
				return err
			}
		}
		_, err := w.dec.Token()
		return err
	}
	_, nested := token.(json.Delim)
	container := known.fields != nil || known.element != nil
	if nested || container && token != nil {
		return errWrongType
	}
	return nil
}

func (w *walker) object(known *field, path []byte) error {
	if len(path) > 0 {
		path = append(path, '.')
	}
	for w.dec.More() {
		token, err := w.dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if child := known.fields[name]; child != nil {
			if err := w.value(child, append(path, name...)); err != nil {
				return err
			}
			continue
		}
		var raw json.RawMessage
		if err := w.dec.Decode(&raw); err != nil {
			return err
		}
		w.unknown[string(path)+name] = raw
	}
	_, err := w.dec.Token()
	return err
}

// canonical rewrites a JSON object so that equal ones are equal as text:
// sorted keys, no spaces, one way to escape. Numbers stay as they are written.
// A key twice in the outermost object is an error.
func canonical(object string) (string, error) {
	dec := json.NewDecoder(strings.NewReader(object))
	dec.UseNumber()
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return "", errNotOneObject
	}
	entries := map[string]any{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return "", err
		}
		name, _ := token.(string)
		var v any
		if err := dec.Decode(&v); err != nil {
			return "", err
		}
		if _, twice := entries[name]; twice {
			return "", errors.New("a key twice")
		}
		entries[name] = v
	}
	if _, err := dec.Token(); err != nil {
		return "", err
	}
	if _, err := dec.Token(); err != io.EOF {
		return "", errNotOneObject
	}
	text, err := json.Marshal(entries)
	return string(text), err
}
