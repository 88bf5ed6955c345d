// Command posthog evaluates a feature flag, sends an event to PostHog and exits at once.
//
//	POSTHOG_KEY=phc_… POSTHOG_HOST=https://eu.i.posthog.com go run ./posthog
//
// The SDK's retries, up to 10 while the program runs, end with the first attempt, because it gets the answer 202.
// A Callback's Success means queued, not delivered.
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/posthog/posthog-go"

	"github.com/seed-d051cf5a/beacon"
)

// isEvents declines the POST requests whose answer the SDK needs: those for flags.
func isEvents(r *http.Request) bool {
	return !strings.Contains(r.URL.Path, "/flags") && !strings.Contains(r.URL.Path, "/decide")
}

func main() {
	beacon.Start() // without an outbox the SDK sends directly, so the error can be ignored
	client, err := posthog.NewWithConfig(cmp.Or(os.Getenv("POSTHOG_KEY"), "phc_example"), posthog.Config{
		Endpoint:  cmp.Or(os.Getenv("POSTHOG_HOST"), "http://127.0.0.1:8080"),
		Transport: &beacon.Transport{Queue: isEvents},
	})
	if err != nil {
		log.Fatal(err)
	}
	// The SDK keeps events in memory, for up to Config.Interval, and has no synchronous mode. Close moves them to
	// the outbox and does not wait for the network.
	defer client.Close()

	// An unreachable server delays the answer by at most Config.FeatureFlagRequestTimeout, 3 s by default.
	enabled, err := client.IsFeatureEnabled(posthog.FeatureFlagPayload{Key: "new-checkout", DistinctId: "user-1"})
	fmt.Println("new-checkout:", enabled, err)
	client.Enqueue(posthog.Capture{
		DistinctId: "user-1",
		Event:      "checkout",
		Properties: posthog.NewProperties().Set("new-checkout", enabled),
		// Delivery is at least once. PostHog drops duplicates by Uuid, which the SDK leaves empty.
		Uuid: uuid.NewString(),
	})
}
