// Package athenatest imitates Glue and Athena for tests: a catalog in memory behind the
// services' JSON protocol. It decodes requests into the SDK's own types and checks them
// against the limits of the API references. A test must fail on what
// [Server.Problems] returns.
//
// Start with [New]; a [Server] is an http.Handler.
package athenatest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// Server is a catalog that runs statements. It is safe for concurrent use, but its
// fields must be set before it serves.
type Server struct {
	// Fail returns the error of a request, such as the operation glue:GetTable on
	// macie.results; nil for success. If Fail is nil, every request may succeed.
	Fail func(operation, name string) *Error
	// Looks is how often GetQueryExecution finds a statement unfinished.
	Looks int
	// FailQuery returns why a statement fails; empty if it succeeds.
	FailQuery func(statement string) string
	// Run runs a statement on an engine, in a database. If it is nil, the server
	// understands only CREATE VIEW and stores the view in its catalog.
	Run func(ctx context.Context, database, statement string) error
	// NoResults says that the workgroup has no location for query results.
	NoResults bool
	// PageSize is the maximum number of partitions per response.
	PageSize int

	mu         sync.Mutex
	calls      []string
	problems   []string
	databases  map[string]*database
	executions map[string]*execution
}

type database struct{ tables map[string]*table }

type table struct {
	types.Table
	partitions []types.Partition
}

type execution struct {
	statement string
	looks     int
	stopped   bool
	running   *running // nil without Server.Run
}

// Error is an error of a service.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// New returns a server with an empty catalog.
func New() *Server {
	return &Server{databases: map[string]*database{}, executions: map[string]*execution{}, PageSize: 7}
}

// Calls returns the operations that were called, in order, such as
// glue:CreateTable. Operations that only read are not in it.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []string
	for _, c := range s.calls {
		if _, operation, _ := strings.Cut(c, ":"); !strings.HasPrefix(operation, "Get") {
			calls = append(calls, c)
		}
	}
	return calls
}

// Forget forgets the calls so far.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// Problems returns the errors that were found in requests.
func (s *Server) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.problems...)
}

// PutTable stores a table as another program would. It is not in Calls.
func (s *Server) PutTable(databaseName string, t types.Table, partitions ...types.Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.databases[databaseName]
	if d == nil {
		d = &database{tables: map[string]*table{}}
		s.databases[databaseName] = d
	}
	d.tables[*t.Name] = &table{Table: t, partitions: partitions}
}

// Table returns a table with its partitions; false if there is none.
func (s *Server) Table(databaseName, name string) (types.Table, []types.Partition, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.databases[databaseName]; d != nil && d.tables[name] != nil {
		return d.tables[name].Table, append([]types.Partition(nil), d.tables[name].partitions...), true
	}
	return types.Table{}, nil, false
}

const maxRequest = 10 << 20

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	output, err := s.serve(r, body)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	var failure *Error
	switch {
	case errors.As(err, &failure):
		w.WriteHeader(http.StatusBadRequest)
		output = map[string]string{"__type": failure.Code, "Message": failure.Message}
	case err != nil:
		s.mu.Lock()
		s.problems = append(s.problems, err.Error())
		s.mu.Unlock()
		w.WriteHeader(http.StatusBadRequest)
		output = map[string]string{"__type": "ValidationException", "Message": err.Error()}
	default:
		output = toWire(reflect.ValueOf(output))
	}
	json.NewEncoder(w).Encode(output)
}

func (s *Server) serve(r *http.Request, body []byte) (any, error) {
	target, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	service := map[string]string{"AWSGlue": "glue", "AmazonAthena": "athena"}[target]
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/":
		return nil, fmt.Errorf("%s %s", r.Method, r.URL.Path)
	case r.Header.Get("Content-Type") != "application/x-amz-json-1.1":
		return nil, fmt.Errorf("content of type %s", r.Header.Get("Content-Type"))
	case service == "" || !strings.Contains(r.Header.Get("Authorization"), "/"+service+"/aws4_request"):
		return nil, fmt.Errorf("%s isn't signed for its service", r.Header.Get("X-Amz-Target"))
	}
	handle, ok := operations[service+":"+operation]
	if !ok {
		return nil, fmt.Errorf("the operation %s:%s isn't known here", service, operation)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, service+":"+operation)
	return handle(s, service+":"+operation, body)
}

// operation decodes a request and answers it.
type operation func(s *Server, name string, body []byte) (any, error)

// newOperation returns the operation that decodes a request and calls answer. named
// returns the name of the database or table in the request.
func newOperation[In any](named func(*In) string, answer func(*Server, *In) (any, error)) operation {
	return func(s *Server, name string, body []byte) (any, error) {
		in := new(In)
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		if err := dec.Decode(in); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if s.Fail != nil {
			if failure := s.Fail(name, named(in)); failure != nil {
				return nil, failure
			}
		}
		out, err := answer(s, in)
		if failure := (*Error)(nil); err != nil && !errors.As(err, &failure) {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return out, err
	}
}

// toWire returns a response as the protocol writes it: unset fields are omitted, and
// times are in seconds.
func toWire(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return toWire(v.Elem())
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return float64(t.UnixMilli()) / 1000
		}
		object := map[string]any{}
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() || field.Name == "ResultMetadata" || v.Field(i).IsZero() {
				continue
			}
			object[field.Name] = toWire(v.Field(i))
		}
		return object
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = toWire(v.Index(i))
		}
		return list
	default:
		return v.Interface()
	}
}
