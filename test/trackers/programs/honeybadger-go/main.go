package main

import (
	"errors"
	"log"
	"os"

	"github.com/honeybadger-io/honeybadger-go"
)

func main() {
	client := honeybadger.New(honeybadger.Configuration{APIKey: "key", Endpoint: os.Getenv("COLLECTOR"), Sync: true})
	if _, err := client.Notify(errors.New("the page broke")); err != nil {
		log.Fatal(err)
	}
	if err := client.Event("signup", map[string]any{"plan": "pro"}); err != nil {
		log.Fatal(err)
	}
	client.Flush()
}
