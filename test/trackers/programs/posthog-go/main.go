package main

import (
	"log"
	"os"

	"github.com/posthog/posthog-go"
)

// results counts what the client reports.
type results struct{ sent, failed int }

func (r *results) Success(posthog.APIMessage) { r.sent++ }

func (r *results) Failure(_ posthog.APIMessage, err error) {
	log.Print(err)
	r.failed++
}

func main() {
	var r results
	client, err := posthog.NewWithConfig("key", posthog.Config{Endpoint: os.Getenv("COLLECTOR"), Callback: &r, BatchSize: 1})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range []posthog.Capture{
		{DistinctId: "somebody", Event: "$pageview", Properties: posthog.NewProperties().Set("$current_url", "http://localhost/")},
		{DistinctId: "somebody", Event: "signup", Properties: posthog.NewProperties().Set("plan", "pro")},
	} {
		if err := client.Enqueue(c); err != nil {
			log.Fatal(err)
		}
	}
	if err := client.Close(); err != nil || r != (results{sent: 2}) {
		log.Fatalf("%+v, %v", r, err)
	}
}
