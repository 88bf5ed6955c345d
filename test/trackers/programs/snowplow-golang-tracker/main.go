package main

import (
	"log"
	"os"
	"strings"

	"github.com/snowplow/snowplow-golang-tracker/v3/pkg/common"
	"github.com/snowplow/snowplow-golang-tracker/v3/pkg/storage/memory"
	"github.com/snowplow/snowplow-golang-tracker/v3/tracker"
)

func main() {
	emitter := tracker.InitEmitter(
		tracker.RequireCollectorUri(strings.TrimPrefix(os.Getenv("COLLECTOR"), "http://")),
		tracker.RequireStorage(*memory.Init()),
		tracker.OptionProtocol("http"),
		tracker.OptionCallback(func(_, failed []tracker.CallbackResult) {
			if len(failed) > 0 {
				log.Fatalf("%+v", failed)
			}
		}),
	)
	t := tracker.InitTracker(tracker.RequireEmitter(emitter), tracker.OptionNamespace("tracker"), tracker.OptionAppId("app"))
	t.TrackPageView(tracker.PageViewEvent{PageUrl: common.NewString("http://localhost/"), PageTitle: common.NewString("The page")})
	t.BlockingFlush(10, 100)
	t.TrackStructEvent(tracker.StructuredEvent{Category: common.NewString("form"), Action: common.NewString("signup"),
		Label: common.NewString("plan"), Property: common.NewString("pro")})
	if left := t.BlockingFlush(10, 100); left > 0 {
		log.Fatalf("%d events are left", left)
	}
}
