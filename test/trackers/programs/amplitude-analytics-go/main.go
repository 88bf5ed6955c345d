package main

import (
	"log"
	"os"

	"github.com/amplitude/analytics-go/amplitude"
)

func main() {
	config := amplitude.NewConfig("key")
	config.ServerURL = os.Getenv("COLLECTOR") + "/2/httpapi"
	results := make(chan amplitude.ExecuteResult, 10)
	config.ExecuteCallback = func(r amplitude.ExecuteResult) { results <- r }
	client := amplitude.NewClient(config)
	for _, e := range []amplitude.Event{
		{EventType: "page view", UserID: "somebody", EventProperties: map[string]any{"url": "http://localhost/"}},
		{EventType: "signup", UserID: "somebody", EventProperties: map[string]any{"plan": "pro"}},
	} {
		client.Track(e)
		client.Flush()
		if r := <-results; r.Code < 200 || r.Code > 299 {
			log.Fatalf("%s: %d %s", e.EventType, r.Code, r.Message)
		}
	}
	client.Shutdown()
}
