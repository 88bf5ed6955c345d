package main

import (
	"context"
	"log"
	"os"

	"github.com/mixpanel/mixpanel-go"
)

func main() {
	ctx := context.Background()
	client := mixpanel.NewApiClient("token", mixpanel.ProxyApiLocation(os.Getenv("COLLECTOR")))
	for _, e := range []*mixpanel.Event{
		client.NewEvent("page view", "somebody", map[string]any{"url": "http://localhost/"}),
		client.NewEvent("signup", "somebody", map[string]any{"plan": "pro"}),
	} {
		if err := client.Track(ctx, []*mixpanel.Event{e}); err != nil {
			log.Fatal(err)
		}
	}
	if err := client.PeopleSet(ctx, []*mixpanel.PeopleProperties{mixpanel.NewPeopleProperties("somebody", map[string]any{"plan": "pro"})}); err != nil {
		log.Fatal(err)
	}
}
