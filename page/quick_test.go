package page_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/navigator"
	"github.com/seed-d051cf5a/beacon/page"
)

// A runner is a page on one of the engines.
type runner interface {
	Run(ctx context.Context, name, source string) error
	Wait(ctx context.Context) error
}

// openQuick is [open] for a page on QuickJS.
func openQuick(t testing.TB, o page.Options) runner {
	t.Helper()
	if o.Navigator == nil {
		o.Navigator = &navigator.Navigator{Agent: newAgent(t, navigator.Config{})}
	}
	if o.URL == "" && o.Navigator.Page == nil {
		o.URL = "https://shop.example/cart/?a=1#end"
	}
	p, err := page.NewQuick(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p.Close(ctx)
		o.Navigator.Agent.Flush(ctx)
	})
	do(t, p, words)
	return p
}

// An opener returns a page that the test closes.
type opener func(t testing.TB, o page.Options) runner

// onEach runs a test with each engine.
func onEach(t *testing.T, test func(t *testing.T, open opener)) {
	t.Run("goja", func(t *testing.T) { test(t, func(t testing.TB, o page.Options) runner { return open(t, o) }) })
	t.Run("quickjs", func(t *testing.T) { test(t, openQuick) })
}

// pending are the rules for which the page on QuickJS has no interfaces yet.
var pending = []string{
	"bubble from the document to the window", "have on… handlers", "or one of a quota", "are guarded", "a body's stream",
}

// bothHold is [holds] for both engines.
func bothHold(t *testing.T, rules []rule) {
	holds(t, rules)
	for _, r := range rules {
		if slices.Contains(pending, r.name) {
			continue
		}
		t.Run("quickjs/"+r.name, func(t *testing.T) {
			do(t, openQuick(t, page.Options{}), "(async () => {"+r.script+"\n})()")
		})
	}
}
