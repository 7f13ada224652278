package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is the version of the policy language (IAM user guide, "IAM JSON
// policy elements: Version").
const Version = "2012-10-17"

// Document is a policy: of an identity, a bucket or a key.
type Document struct {
	Version   string      `json:"Version"`
	ID        string      `json:"Id,omitempty"`
	Statement []Statement `json:"Statement"`
}

// Statement is one statement of a policy. Of an element and its Not… at most one
// is there.
type Statement struct {
	Sid          string     `json:"Sid,omitempty"`
	Effect       string     `json:"Effect"` // Allow or Deny
	Principal    *Principal `json:"Principal,omitempty"`
	NotPrincipal *Principal `json:"NotPrincipal,omitempty"`
	Action       List       `json:"Action,omitempty"`
	NotAction    List       `json:"NotAction,omitempty"`
	Resource     List       `json:"Resource,omitempty"`
	NotResource  List       `json:"NotResource,omitempty"`
	Condition    Condition  `json:"Condition,omitempty"`
}

// Effects of statements.
const (
	Allow = "Allow"
	Deny  = "Deny"
)

// Condition is the operators of a statement with their keys and values. All must
// hold.
type Condition map[string]map[string]List

// List is texts, of which JSON may have one without brackets.
type List []string

// MarshalJSON writes a single text without brackets.
func (l List) MarshalJSON() ([]byte, error) {
	if len(l) == 1 {
		return json.Marshal(l[0])
	}
	return json.Marshal([]string(l))
}

// UnmarshalJSON takes texts, numbers and booleans, one or many.
func (l *List) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	values, ok := v.([]any)
	if !ok {
		values = []any{v}
	}
	*l = make(List, 0, len(values))
	for _, v := range values {
		switch v := v.(type) {
		case string:
			*l = append(*l, v)
		case json.Number, bool:
			*l = append(*l, fmt.Sprint(v))
		default:
			return errors.New("neither a text nor a list of texts")
		}
	}
	return nil
}

// Principal is who a statement is about: anyone, or some by kind (AWS, Service,
// Federated, CanonicalUser).
type Principal struct {
	Anyone bool
	ByKind map[string]List
}

// Service is a principal that is a service of AWS.
func Service(names ...string) *Principal {
	return &Principal{ByKind: map[string]List{"Service": names}}
}

// MarshalJSON writes "*" for anyone.
func (p Principal) MarshalJSON() ([]byte, error) {
	if p.Anyone {
		return []byte(`"*"`), nil
	}
	return json.Marshal(p.ByKind)
}

// UnmarshalJSON takes "*" and an object.
func (p *Principal) UnmarshalJSON(data []byte) error {
	if bytes.Equal(bytes.TrimSpace(data), []byte(`"*"`)) {
		*p = Principal{Anyone: true}
		return nil
	}
	*p = Principal{}
	return json.Unmarshal(data, &p.ByKind)
}

// Parse reads a policy. What it doesn't know of is an error, since it could
// change what the policy means.
func Parse(data []byte) (*Document, error) {
	var loose struct {
		Document
		Statement json.RawMessage `json:"Statement"` // one, or a list
	}
	if err := decode(data, &loose); err != nil {
		return nil, fmt.Errorf("reading a policy: %w", err)
	}
	d := &loose.Document
	raw := bytes.TrimSpace(loose.Statement)
	if len(raw) == 0 {
		return nil, errors.New("reading a policy: it has no statements")
	}
	if raw[0] != '[' {
		raw = append(append([]byte{'['}, raw...), ']')
	}
	if err := decode(raw, &d.Statement); err != nil {
		return nil, fmt.Errorf("reading a policy: %w", err)
	}
	for i, s := range d.Statement {
		if s.Effect != Allow && s.Effect != Deny {
			return nil, fmt.Errorf("reading a policy: statement %d has no effect", i+1)
		}
	}
	return d, nil
}

func decode(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the policy")
	}
	return nil
}

// name is the statement's identifier, or where it has none its number.
func (s *Statement) name(i int) string {
	if s.Sid != "" {
		return s.Sid
	}
	return fmt.Sprintf("statement %d", i+1)
}
