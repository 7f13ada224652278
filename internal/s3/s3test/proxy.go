package s3test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fault spoils some of the requests that go through a proxy.
type Fault struct {
	// Match selects requests; nil selects all.
	Match func(*http.Request) bool
	// Skip lets that many selected requests pass first; Times bounds how many are
	// spoiled (0: all); Every n spoils only each nth one (0 or 1: each).
	Skip, Times, Every int
	// Until ends the fault that long after the first selected request; 0 never does.
	Until time.Duration
	// Do answers instead of the server; forward sends a request on to it.
	Do func(w http.ResponseWriter, r *http.Request, forward http.Handler)
}

// Proxy passes requests on to a server, except for the faults in its script. It is
// safe for concurrent use.
type Proxy struct {
	URL     string
	forward http.Handler

	mu     sync.Mutex
	script []*scripted
	seen   map[string]int
}

type scripted struct {
	Fault
	met   int
	first time.Time
}

// NewProxy returns a proxy in front of the server, which ends with the test.
func NewProxy(t testing.TB, server *Server, script ...Fault) *Proxy {
	t.Helper()
	p, stop, err := RunProxy(server, script...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return p
}

// RunProxy is NewProxy without a test; stop ends it.
func RunProxy(server *Server, script ...Fault) (p *Proxy, stop func(), err error) {
	target, err := url.Parse(server.URL)
	if err != nil {
		return nil, nil, err
	}
	p = &Proxy{seen: make(map[string]int)}
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			// The signature is over the path as it stands and the host.
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true},
		// A client that goes away is a fault at work, nothing to be told of.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	p.Script(script...)
	front := httptest.NewServer(p)
	p.URL = front.URL
	return p, front.Close, nil
}

// Script replaces the proxy's script, and counts its faults anew.
func (p *Proxy) Script(script ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script, p.seen = nil, make(map[string]int)
	for _, f := range script {
		p.script = append(p.script, &scripted{Fault: f})
	}
}

// Seen returns the number of requests for an operation, named as Op does.
func (p *Proxy) Seen(op string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[op]
}

// Op returns the S3 operation of a request, if the tests use it.
func Op(r *http.Request) string {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodGet && query.Has("list-type"):
		return "ListObjectsV2"
	case r.Method == http.MethodGet:
		return "GetObject"
	case r.Method == http.MethodHead:
		return "HeadObject"
	case r.Method == http.MethodPut && query.Has("partNumber"):
		return "UploadPart"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "CopyObject"
	case r.Method == http.MethodPut:
		return "PutObject"
	case r.Method == http.MethodPost && query.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost && query.Has("uploadId"):
		return "CompleteMultipartUpload"
	case r.Method == http.MethodPost && query.Has("delete"):
		return "DeleteObjects"
	case r.Method == http.MethodDelete && query.Has("uploadId"):
		return "AbortMultipartUpload"
	}
	return r.Method
}

// IsOp matches requests for an operation whose path contains a text.
func IsOp(op, path string) func(*http.Request) bool {
	return func(r *http.Request) bool { return Op(r) == op && strings.Contains(r.URL.Path, path) }
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f := p.meets(r); f != nil {
		f.Do(w, r, p.forward)
		return
	}
	p.forward.ServeHTTP(w, r)
}

// meets returns the fault that a request meets.
func (p *Proxy) meets(r *http.Request) *scripted {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[Op(r)]++
	for _, f := range p.script {
		if f.Match != nil && !f.Match(r) {
			continue
		}
		if f.first.IsZero() {
			f.first = time.Now()
		}
		f.met++
		n := f.met - f.Skip
		switch {
		case n <= 0, f.Times > 0 && n > f.Times, f.Every > 1 && n%f.Every != 0,
			f.Until > 0 && time.Since(f.first) > f.Until:
			continue
		}
		return f
	}
	return nil
}

// Answer answers with an error in S3's format.
func Answer(status int, code, message string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("X-Amz-Request-Id", "4442587FB7D0A2F9")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message)
		}
	}
}

// Delay waits before the request is forwarded.
func Delay(d time.Duration) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
			return
		}
		forward.ServeHTTP(w, r)
	}
}

// Lose forwards the request, then breaks the connection instead of answering.
func Lose() func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		forward.ServeHTTP(httptest.NewRecorder(), r)
		reset(w, nil, nil)
	}
}

// Body lets the server answer, and then write send its body: out is a connection on
// which the head, with the whole length, has been written.
func Body(write func(body []byte, out io.Writer, r *http.Request)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, r)
		result := answer.Result()
		reset(w, result, func(out io.Writer) { write(answer.Body.Bytes(), out, r) })
	}
}

// reset takes over the connection, writes a head with the answer's length, calls write
// for the body, and resets the connection.
func reset(w http.ResponseWriter, head *http.Response, write func(io.Writer)) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	if head != nil {
		var text bytes.Buffer
		fmt.Fprintf(&text, "HTTP/1.1 %d %s\r\n", head.StatusCode, http.StatusText(head.StatusCode))
		if head.Header.Get("Content-Length") == "" && head.ContentLength >= 0 {
			head.Header.Set("Content-Length", strconv.FormatInt(head.ContentLength, 10))
		}
		head.Header.Write(&text)
		text.WriteString("\r\n")
		conn.Write(text.Bytes())
		write(conn)
	}
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok && write == nil {
		tcp.SetLinger(0)
	}
}

// CutAfter sends the first n bytes of a body and ends the connection.
func CutAfter(n int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return Body(func(body []byte, out io.Writer, _ *http.Request) { out.Write(body[:min(n, len(body))]) })
}

// StallAfter sends the first n bytes of a body, and then nothing for a while.
func StallAfter(n int, d time.Duration) func(http.ResponseWriter, *http.Request, http.Handler) {
	return Body(func(body []byte, out io.Writer, r *http.Request) {
		out.Write(body[:min(n, len(body))])
		time.Sleep(d)
	})
}

// Drip sends the body byte by byte, with a pause after each, for a while.
func Drip(pause, d time.Duration) func(http.ResponseWriter, *http.Request, http.Handler) {
	return Body(func(body []byte, out io.Writer, _ *http.Request) {
		end := time.Now().Add(d)
		for i := range body {
			if _, err := out.Write(body[i : i+1]); err != nil || time.Now().After(end) {
				return
			}
			time.Sleep(pause)
		}
	})
}

// ShortenTo answers cleanly, but with only the first n bytes of a body and their
// length.
func ShortenTo(n int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return rewrite(func(body []byte) []byte { return body[:min(n, len(body))] })
}

// Lengthen answers cleanly with more bytes than the object has.
func Lengthen() func(http.ResponseWriter, *http.Request, http.Handler) {
	return rewrite(func(body []byte) []byte { return append(bytes.Clone(body), "more"...) })
}

// Flip answers cleanly, with one bit in the middle of the body flipped.
func Flip() func(http.ResponseWriter, *http.Request, http.Handler) {
	return rewrite(func(body []byte) []byte {
		body = bytes.Clone(body)
		body[len(body)/2] ^= 1
		return body
	})
}

func rewrite(change func([]byte) []byte) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, r)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		body := answer.Body.Bytes()
		if answer.Code < 300 && len(body) > 0 {
			body = change(body)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.Code)
		w.Write(body)
	}
}
