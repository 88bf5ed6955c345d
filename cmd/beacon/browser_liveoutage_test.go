//go:build unix

package main

import (
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

// isStale is JavaScript that is true if the live page shows that its figures are old.
var isStale = `document.body.classList.contains('stale') && ` + textOf("gone") + ` !== ''`

var saysSince = regexp.MustCompile(`^The collector has not answered since \d\d:\d\d\. The figures are from then\.`)

func TestLivePage_CollectorStops_SaysSinceWhenUntilItIsBack(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	collector.post("/n", "text/plain", "x")
	page := b.attach("")
	collector.openLive(page, "")
	await[bool](page, "the row", is(streams, "/n")+` && `+is(textOf("total"), "1"))
	fresh := await[string](page, "the colour of the figures", `getComputedStyle(document.getElementById('total')).color`)
	collector.stop()
	await[bool](page, "the notice", isStale)
	if text := await[string](page, "the notice", textOf("gone")); !saysSince.MatchString(text) {
		t.Errorf("the page says %q", text)
	}
	await[bool](page, "the figures are as they were, in another colour", is(textOf("total"), "1")+` && getComputedStyle(document.getElementById('total')).color !== '`+fresh+`'`)
	if role := await[string](page, "the role", `document.getElementById('gone').getAttribute('role')`); role != "alert" {
		t.Errorf("the notice has the role %s, want alert", role)
	}
	collector = collector.p.serve(strings.TrimPrefix(collector.URL, "http://"))
	await[bool](page, "live again", isLive+` && !(`+isStale+`) && `+is(textOf("total"), "0"))
	await[bool](page, "the colour of new figures", `getComputedStyle(document.getElementById('total')).color === '`+fresh+`'`)
	collector.stop()
}

// TestLivePage_CollectorHangs_SaysSinceWhen stops the process, so that its connections stay open, and has the
// page's clock go on by more than the time between two pings.
func TestLivePage_CollectorHangs_SaysSinceWhen(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	collector.post("/n", "text/plain", "x")
	page := b.attach("")
	collector.openLive(page, "")
	await[bool](page, "the row", is(streams, "/n"))
	if err := collector.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	page.do("a minute passes", evaluate(`{ const now = Date.now; Date.now = () => now() + 60_000 }`))
	await[bool](page, "the notice", isStale)
	if err := collector.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	await[bool](page, "live again", isLive+` && !(`+isStale+`)`)
	collector.post("/n", "text/plain", "later")
	await[bool](page, "a new beacon", is(streams, "/n /n"))
}

func TestLivePage_NoLogin_ShowsOnlyTheWayToLogIn(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	collector.post("/n", "text/plain", "x")
	page := b.attach("")
	page.do("open the live page", chromedp.Navigate(collector.URL+"/-/live"))
	await[bool](page, "logged out", isLoggedOut+` && `+viewOf("out"))
	if got := await[string](page, "what can be seen", `document.querySelector('main').innerText`); !strings.Contains(got, "Only operators") || strings.Contains(got, "Newest beacons") || strings.Contains(got, "No beacons yet") {
		t.Errorf("the page shows %q", got)
	}
}
