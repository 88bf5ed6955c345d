// Command httpclient posts an event with an http.Client and exits at once.
//
//	EVENTS_URL=https://example.com/events go run ./httpclient
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/seed-d051cf5a/beacon"
)

func main() {
	beacon.Start() // without an outbox the client sends directly, so the error can be ignored
	client := &http.Client{Transport: &beacon.Transport{}}
	url := cmp.Or(os.Getenv("EVENTS_URL"), "http://127.0.0.1:8080/events")
	res, err := client.Post(url, "application/json", strings.NewReader(`{ "event": "signup", "plan": "früh\u00e9" }`))
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	fmt.Println(res.Status) // 202 Accepted: the event is in the outbox
}
