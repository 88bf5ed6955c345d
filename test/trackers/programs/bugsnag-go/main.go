package main

import (
	"context"
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
	ctx := bugsnag.StartSession(context.Background())
	if err := bugsnag.Notify(errors.New("the page broke"), ctx); err != nil {
		log.Fatal(err)
	}
	if err := bugsnag.Notify(errors.New("signup"), ctx, bugsnag.MetaData{"form": {"plan": "pro"}}); err != nil {
		log.Fatal(err)
	}
}
