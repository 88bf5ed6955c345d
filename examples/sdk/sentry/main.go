// Command sentry reports an error to Sentry and exits at once.
//
//	SENTRY_DSN=https://key@o1.ingest.sentry.io/2 go run ./sentry
//
// The SDK gets the answer 202, not Sentry's. This changes:
//   - Rate limits. The SDK does not drop events of a limited category, because it never gets X-Sentry-Rate-Limits
//     or 429. After a 429 the deliverer waits for Retry-After and sends again, until the beacon expires.
//   - Times. The envelope's sent_at is the time of the report. Sentry takes a sent_at that is over 55 minutes old
//     for a wrong clock and moves the event's times to its arrival. A Config.MaxAge of 50 minutes drops such
//     events instead.
package main

import (
	"cmp"
	"errors"
	"log"
	"os"

	"github.com/getsentry/sentry-go"

	"github.com/seed-d051cf5a/beacon"
)

func main() {
	beacon.Start() // without an outbox the SDK sends directly, so the error can be ignored
	err := sentry.Init(sentry.ClientOptions{
		Dsn:           cmp.Or(os.Getenv("SENTRY_DSN"), "http://public@127.0.0.1:8080/1"),
		HTTPTransport: &beacon.Transport{},
		// This transport returns when the event is in the outbox. The default one keeps events in memory, and an
		// exit without sentry.Flush loses them. Logs and metrics wait in memory up to 5 s with either.
		Transport: sentry.NewHTTPSyncTransport(),
	})
	if err != nil {
		log.Fatal(err)
	}
	sentry.CaptureException(errors.New("the job failed"))
}
