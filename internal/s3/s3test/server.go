// Package s3test runs S3 servers on loopback, and a proxy in front of them that fails as
// networks and S3 do.
//
// Start with [Start], a versitygw over a directory, or [StartMemory], a gofakes3.
// [NewProxy] takes a script of [Fault] values.
package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/awsclient"
)

// The server's root credentials and Region.
const (
	AccessKey = "AKIAMACIELAKETEST"
	SecretKey = "only-for-the-server-on-loopback/secret"
	Region    = "us-east-1"
)

// ProgramEnv is the environment variable with the path of a built versitygw. Without
// it, versitygw is built from the tools module.
const ProgramEnv = "MACIELAKE_VERSITYGW"

// MemoryProgramEnv is ProgramEnv for gofakes3.
const MemoryProgramEnv = "MACIELAKE_GOFAKES3"

// Server is a running S3 server. It is safe for concurrent use.
type Server struct {
	URL string // http://127.0.0.1:port
	Dir string // its buckets are directories there; empty for a server in memory
}

// Start starts a server with empty buckets, which ends with the test.
func Start(t testing.TB, buckets ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	s, stop, err := Run(dir, buckets...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s
}

// Run starts a server whose files lie below dir; stop ends it and waits for it.
func Run(dir string, buckets ...string) (s *Server, stop func(), err error) {
	program, err := program("versitygw", "github.com/versity/versitygw/cmd/versitygw", ProgramEnv)
	if err != nil {
		return nil, nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, nil, err
	}
	data, meta := filepath.Join(dir, "data"), filepath.Join(dir, "meta")
	dirs := []string{data, meta}
	for _, b := range buckets {
		dirs = append(dirs, filepath.Join(data, b))
	}
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o777); err != nil {
			return nil, nil, err
		}
	}
	return run(data, program, func(address string) []string {
		return []string{"--port", address, "--quiet", "--keep-alive", "--region", Region, "posix", "--sidecar", meta, data}
	})
}

// StartMemory starts a server with empty buckets in its memory, which ends with
// the test. It has conditional writes and ignores signatures.
func StartMemory(t testing.TB, buckets ...string) *Server {
	t.Helper()
	program, err := program("gofakes3", "./gofakes3", MemoryProgramEnv)
	if err != nil {
		t.Fatal(err)
	}
	s, stop, err := run("", program, func(address string) []string { return append([]string{address}, buckets...) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s
}

// run starts a server that listens at the address that args gets.
func run(data, program string, args func(address string) []string) (s *Server, stop func(), err error) {
	for range 5 { // another process may take the port
		if s, stop, err = runOnce(data, program, args); err == nil {
			return s, stop, nil
		}
	}
	return nil, nil, err
}

func runOnce(data, program string, args func(address string) []string) (*Server, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	address := l.Addr().String()
	l.Close()
	var output bytes.Buffer
	cmd := exec.Command(program, args(address)...)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // ended by stop, or found below
	}()
	stop := func() {
		_ = cmd.Process.Kill()
		<-ended
	}
	s := &Server{URL: "http://" + address, Dir: data}
	deadline := time.Now().Add(30 * time.Second)
	for {
		response, err := http.Get(s.URL + "/")
		if err == nil {
			response.Body.Close()
			return s, stop, nil
		}
		select {
		case <-ended:
			return nil, nil, fmt.Errorf("%s ended: %s", filepath.Base(program), output.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			stop()
			return nil, nil, fmt.Errorf("%s doesn't answer: %w", filepath.Base(program), err)
		}
	}
}

// program returns the path of a server's program, built from a package of the tools
// module if necessary.
func program(name, pkg, env string) (string, error) {
	if path := os.Getenv(env); path != "" {
		return filepath.Abs(path)
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "build", name)
	built, err := os.Stat(path)
	if mod, modErr := os.Stat(filepath.Join(root, "tools", "go.mod")); err == nil && modErr == nil && built.ModTime().After(mod.ModTime()) {
		return path, nil
	}
	building.Lock()
	defer building.Unlock()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", err
	}
	// Under a name of its own: tests of several packages may build it.
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	cmd := exec.Command("go", "build", "-C", filepath.Join(root, "tools"), "-o", temp, pkg)
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", name, err, output)
	}
	return path, os.Rename(temp, path)
}

var building sync.Mutex

// moduleRoot returns the directory of the main module: tests run in the directory
// of their package. (With -trimpath, runtime.Caller gives no usable path.)
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "tools", "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no directory above the working directory has tools/go.mod")
		}
		dir = parent
	}
}

// Config returns a configuration for requests to the URL of the server or of a proxy in
// front of it.
func Config(url string, o awsclient.Options) aws.Config {
	return awsclient.Prepare(aws.Config{
		Region: Region, BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, ""),
	}, o)
}

// Environ returns the environment of a process that sends requests to a URL, without
// the caller's own AWS configuration.
func Environ(url string) []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "AWS_") {
			env = append(env, e)
		}
	}
	return append(env, "AWS_ACCESS_KEY_ID="+AccessKey, "AWS_SECRET_ACCESS_KEY="+SecretKey, "AWS_REGION="+Region,
		"AWS_ENDPOINT_URL="+url, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent")
}

// Client returns a plain client of the SDK, to put test objects on the server.
func (s *Server) Client() *sdk.Client {
	return sdk.NewFromConfig(Config(s.URL, awsclient.Options{}), func(o *sdk.Options) { o.UsePathStyle = true })
}

// putsAtOnce is the number of files that Put uploads at a time.
const putsAtOnce = 32

// Put uploads the files below a directory, under their relative names.
func (s *Server) Put(ctx context.Context, bucket, prefix, dir string) error {
	client := s.Client()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(putsAtOnce)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || ctx.Err() != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		group.Go(func() error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			key := prefix + filepath.ToSlash(rel)
			_, err = client.PutObject(ctx, &sdk.PutObjectInput{Bucket: &bucket, Key: &key, Body: f})
			return err
		})
		return nil
	})
	return errors.Join(err, group.Wait())
}
