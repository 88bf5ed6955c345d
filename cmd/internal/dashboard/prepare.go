package dashboard

import (
	"context"
	"time"
)

const (
	// prepareAfter is how long after the start the answers about past days are first looked for.
	prepareAfter = time.Minute
	// prepareEvery is how often. After midnight the last days are others.
	prepareEvery = 10 * time.Minute
)

// presets are the periods that the page offers.
var presets = []string{"1d", "7d", "30d", "90d"}

// Prepare asks for the past days of the presets ahead of those who open the page, until ctx ends. It does so for all sites
// together, and for each site that the page was opened for.
func (b *Board) Prepare(ctx context.Context) {
	for wait := prepareAfter; ; wait = prepareEvery {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		b.prepare(ctx)
	}
}

func (b *Board) prepare(ctx context.Context) {
	b.cache.clean(b.now())
	panels := (&page{board: b}).shown()
	for _, site := range b.opened.all() {
		for _, preset := range presets {
			f := Filter{Stream: b.stream, Site: site}
			var err error
			if f.Period, err = ParsePeriod(preset, "", b.now(), b.zone(site)); err == nil {
				err = b.ask(ctx, append(questions(panels, f), Question{Panel: sitesPanel, Filter: Filter{Stream: f.Stream, Period: f.Period}}), true, nil)
			}
			if err == nil {
				f.Period = f.Period.before(b.now())
				err = b.ask(ctx, questions(compared(panels), f), true, nil)
			}
			if err != nil && ctx.Err() == nil {
				b.log.Warn("answers for the dashboard are not ready ahead", "error", err)
				return
			}
		}
	}
}

// compared returns the panels that show the period before too.
func compared(panels []Panel) (some []Panel) {
	for _, p := range panels {
		if p.Additive && (p.Chart == "figures" || p.Chart == "line") {
			some = append(some, p)
		}
	}
	return some
}
