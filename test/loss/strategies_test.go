//go:build unix

package loss

import "github.com/seed-d051cf5a/beacon/test/browsertest"

// A strategy is a way to send the event of a page that is left.
type strategy struct {
	name  string // in page.html
	title string // in the document
	text  string // in the document's list
	only  string // the engine that has it; "" for all
	sends int    // how many requests one event is
}

var strategies = []strategy{
	{name: "beaconPagehide", title: "beacon, pagehide", text: "`sendBeacon` of a string on `pagehide`", sends: 1},
	{name: "beaconHidden", title: "beacon, hidden", text: "`sendBeacon` of a string when `visibilitychange` says hidden", sends: 1},
	{name: "blobHidden", title: "JSON Blob, hidden", text: "`sendBeacon` of an `application/json` Blob when hidden; its type needs a preflight", sends: 1},
	{name: "keepalivePagehide", title: "keepalive, pagehide", text: "`fetch` with `keepalive` on `pagehide`", sends: 1},
	{name: "both", title: "hidden + pagehide", text: "`sendBeacon` of a string when hidden and the same body by `fetch` with `keepalive` on `pagehide`; it counts once", sends: 2},
	{name: "fetchLater", title: "fetchLater", text: "`fetchLater`, called when the page is shown; only Chromium has it", only: browsertest.Chromium, sends: 1},
	{name: "soFar", title: "so far", text: "`sendBeacon` of a string, one second after the page is shown; it stands for timers, and has nothing of what came after that second", sends: 1},
	{name: "xhrPagehide", title: "XHR, pagehide", text: "asynchronous `XMLHttpRequest` on `pagehide`", sends: 1},
	{name: "beaconUnload", title: "beacon, unload", text: "`sendBeacon` of a string on `unload`", sends: 1},
}

// strategiesOf returns the strategies that an engine has.
func strategiesOf(engine string) (of []strategy) {
	for _, s := range strategies {
		if s.only == "" || s.only == engine {
			of = append(of, s)
		}
	}
	return of
}
