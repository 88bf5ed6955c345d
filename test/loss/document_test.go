//go:build unix

package loss

import (
	"fmt"
	"strings"

	"github.com/seed-d051cf5a/beacon/test/browsertest"
)

// document is the path of the page that the test writes.
const document = "../../docs/loss.md"

// describe returns the document of some results, by engine.
func describe(results map[string]*result) string {
	var b strings.Builder
	b.WriteString(introduction)
	b.WriteString("\n| strategy | the page sends |\n|---|---|\n")
	for _, s := range strategies {
		fmt.Fprintf(&b, "| %s | %s |\n", s.title, s.text)
	}
	for _, engine := range browsertest.Engines() {
		r := results[engine]
		if r == nil {
			fmt.Fprintf(&b, "\n## %s\n\nIt was not there.\n", engine)
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

const introduction = "TODO\n"
const conclusions = "\nTODO\n"
