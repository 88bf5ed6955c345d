package main

import (
	"log"
	"os"

	"github.com/rudderlabs/analytics-go/v4"
)

// results counts what the client reports.
type results struct{ sent, failed int }

func (r *results) Success(analytics.Message) { r.sent++ }

func (r *results) Failure(_ analytics.Message, err error) {
	log.Print(err)
	r.failed++
}

func main() {
	var r results
	client, err := analytics.NewWithConfig("key", analytics.Config{DataPlaneUrl: os.Getenv("COLLECTOR"), Callback: &r, BatchSize: 1})
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range []analytics.Message{
		analytics.Page{UserId: "somebody", Name: "Home", Properties: analytics.NewProperties().SetURL("http://localhost/")},
		analytics.Track{UserId: "somebody", Event: "signup", Properties: analytics.NewProperties().Set("plan", "pro")},
	} {
		if err := client.Enqueue(m); err != nil {
			log.Fatal(err)
		}
	}
	if err := client.Close(); err != nil || r != (results{sent: 2}) {
		log.Fatalf("%+v, %v", r, err)
	}
}
