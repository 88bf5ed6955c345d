package main

import (
	"context"
	"errors"
	"log"
	"os"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"
)

func main() {
	err := sentry.Init(sentry.ClientOptions{
		Dsn:              strings.Replace(os.Getenv("COLLECTOR"), "://", "://key@", 1) + "/1",
		EnableTracing:    true,
		TracesSampleRate: 1,
	})
	if err != nil {
		log.Fatal(err)
	}
	sentry.CaptureException(errors.New("the page broke"))
	flushed := sentry.Flush(time.Minute)
	span := sentry.StartTransaction(context.Background(), "signup")
	span.SetData("plan", "pro")
	span.Finish()
	if !sentry.Flush(time.Minute) || !flushed {
		log.Fatal("not all was sent")
	}
}
