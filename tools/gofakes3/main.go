// Command gofakes3 serves empty buckets in memory at an address:
//
//	gofakes3 HOST:PORT BUCKET...
//
// It is the second S3 server that tests run against: unlike versitygw it was not
// made for use, and answers some requests in its own way.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: gofakes3 HOST:PORT BUCKET...")
	}
	backend := s3mem.New()
	for _, bucket := range os.Args[2:] {
		if err := backend.CreateBucket(bucket); err != nil {
			log.Fatal(err)
		}
	}
	log.Fatal(http.ListenAndServe(os.Args[1], gofakes3.New(backend, gofakes3.WithIntegrityCheck(true)).Server()))
}
