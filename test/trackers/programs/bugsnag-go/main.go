package main

import (
	"errors"
	"log"
	"os"

	"github.com/bugsnag/bugsnag-go/v2"
)

func main() {
	collector := os.Getenv("COLLECTOR")
	bugsnag.Configure(bugsnag.Configuration{
		APIKey:       "0123456789abcdef0123456789abcdef",
		Endpoints:    bugsnag.Endpoints{Notify: collector + "/notify", Sessions: collector + "/sessions"},
		PanicHandler: func() {},
		Synchronous:  true,
	})
	if err := bugsnag.Notify(errors.New("the page broke")); err != nil {
		log.Fatal(err)
	}
	if err := bugsnag.Notify(errors.New("signup"), bugsnag.MetaData{"form": {"plan": "pro"}}); err != nil {
		log.Fatal(err)
	}
}
