// Athena answers Athena's API on loopback and forwards statements to a Trino: the
// engine behind Athena. Requests are held to the limits of Athena's API.
// usage: athena --trino URL [--catalog awsdatacatalog]
//
// It prints the URL that it listens on, and ends when its standard input does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/macielake/macielake/internal/athena/athenatest"
)

func main() {
	trino := flag.String("trino", "", "URL of the Trino server")
	catalog := flag.String("catalog", "awsdatacatalog", "catalog that statements run in")
	flag.Parse()
	if err := serve(engine{strings.TrimRight(*trino, "/"), *catalog}); err != nil {
		fmt.Fprintln(os.Stderr, "athena:", err)
		os.Exit(1)
	}
}

func serve(e engine) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := athenatest.New()
	server.Run = e.run
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(l, report{server}) }()
	fmt.Printf("http://%s\n", l.Addr())
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		failed <- err
	}()
	return <-failed
}

// report prints what is wrong with requests, which no client may send to Athena.
type report struct{ *athenatest.Server }

func (r report) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	before := len(r.Problems())
	r.Server.ServeHTTP(w, request)
	for _, p := range r.Problems()[before:] {
		fmt.Fprintln(os.Stderr, "athena:", p)
	}
}

// engine is a catalog of a Trino server.
type engine struct{ url, catalog string }

// answer is what Trino says of a statement.
// https://trino.io/docs/current/develop/client-protocol.html
type answer struct {
	NextURI string `json:"nextUri"`
	Error   *struct {
		Message   string `json:"message"`
		ErrorName string `json:"errorName"`
	} `json:"error"`
}

// run runs a statement to its end.
func (e engine) run(ctx context.Context, database, statement string) error {
	next := e.url + "/v1/statement"
	for method, body := http.MethodPost, statement; next != ""; method, body = http.MethodGet, "" {
		request, err := http.NewRequestWithContext(ctx, method, next, strings.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("X-Trino-User", "athena")
		request.Header.Set("X-Trino-Catalog", e.catalog)
		request.Header.Set("X-Trino-Schema", database)
		a, err := ask(request)
		if err != nil {
			return err
		}
		if a.Error != nil {
			return errors.New(a.Error.ErrorName + ": " + a.Error.Message)
		}
		next = a.NextURI
	}
	return nil
}

func ask(request *http.Request) (*answer, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	a := new(answer)
	return a, json.NewDecoder(response.Body).Decode(a)
}
