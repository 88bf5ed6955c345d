//go:build unix

package loss

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// introduction is the document's part before the strategies.
const introduction = `# Which events of a page arrive when it is left

A page wants to send one last event when its visitor leaves. This document shows how many of these events arrived, for
each way to send them, each way to leave the page and each engine. ` + "`make loss`" + ` measures again and writes this page.

## How it is measured

- Each engine is a real browser: Chromium and Firefox are headless, WebKitGTK's MiniBrowser runs on a virtual X server.
- Each page has one strategy only, because several on one page would help each other.
- Page and receiver have different origins, as a site and its collector have. Both are on the same machine.
- An event has arrived when the receiver has read its whole body. A cell has the number of events that arrived and the
  number of pages that were left. "–" was not measured: the engine does not have it, or its driver cannot do it.
- Clicks are trusted, and the driver closes tabs and windows. It is attached to the pages while they are left.
- For "quit" and SIGTERM each page has a browser of its own, with one more window, which is empty. For SIGKILL and the
  renderer's crash each strategy has a window of its own in one browser. These ways are repeated less often than others.
- Cells with different numbers of pages may come from different runs.
- "quit" is the driver's command to close Chromium and Firefox. In WebKit it closes the windows, that of the page last.
- "tab switch, SIGKILL": each page is a tab that the next tab hides. All processes are killed 0.5 s after the last switch.
- "link, back, link": the page is left, shown again by the back button, and left again. The last event counts.
- "link, offline": the receiver is down when the page is left, and up again 2 s later. Events have 10 s more to arrive.
- "link, 60 KiB in flight": three keepalive requests of 20 KiB are pending, and the event has 8 KiB. Together that is more
  than the 64 KiB that the Fetch standard allows. For "so far" too the requests are pending.
- "answers after 300 ms": the receiver answers that late, preflights too.
- Few repetitions on one machine show what is possible and not what is rare. Its other load is not constant.

## Strategies
`

// document is the path of the page that the test writes.
const document = "../../docs/loss.md"

// describe returns the document of some results, by engine.
func describe(results map[string]*result) string {
	var b strings.Builder
	b.WriteString(introduction)
	b.WriteString("\n| strategy | the page sends |\n|---|---|\n")
	for _, s := range strategies {
		b.WriteString(s.row())
	}
	for _, engine := range browsertest.Engines() {
		r := results[engine]
		if r == nil {
			fmt.Fprintf(&b, "\n## %s\n\nThe machine did not have it.\n", engine)
			continue
		}
		fmt.Fprintf(&b, "\n## %s: %s\n\n| left by |", engine, r.version)
		for _, s := range strategies {
			fmt.Fprintf(&b, " %s |", s.title)
		}
		b.WriteString("\n|---|" + strings.Repeat("---|", len(strategies)) + "\n")
		for _, w := range ways {
			fmt.Fprintf(&b, "| %s |", w.title)
			for _, s := range strategies {
				if c := r.cells[w.title][s.name]; c.of > 0 {
					fmt.Fprintf(&b, " %d of %d |", c.arrived, c.of)
				} else {
					b.WriteString(" – |")
				}
			}
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "\nOf the pages that were shown again, %d of %d came from the back/forward cache.\n", r.back.arrived, r.back.of)
	}
	return b.String() + conclusions
}

// row returns the strategy's row in the document.
func (s strategy) row() string { return fmt.Sprintf("| %s | %s |\n", s.title, s.text) }

// TestDocument_Text_IsCurrent checks the parts of docs/loss.md that do not come from a run.
func TestDocument_Text_IsCurrent(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{introduction, conclusions} {
		if !strings.Contains(string(text), part) {
			t.Errorf("docs/loss.md does not have the text of %.40q: run make loss, or copy the text", strings.TrimSpace(part))
		}
	}
	for _, s := range strategies {
		if !strings.Contains(string(text), s.row()) {
			t.Errorf("docs/loss.md has no row of the strategy %s: run make loss", s.title)
		}
	}
}
