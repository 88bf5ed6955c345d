package table

import (
	"context"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/spool"
)

const (
	maintainEvery = time.Minute
	checkEvery    = 24 * time.Hour
	reportEvery   = 5 * time.Second
)

// Maintain merges files, applies the limits of Options, and checks the files once a day, until ctx is
// done. Errors are logged and the work is repeated.
func (t *Table) Maintain(ctx context.Context, in *spool.Inbox) {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		t.report(ctx, "erased rows can't be deleted now", t.resumeErasures(ctx, in))
		t.report(ctx, "files can't be merged now", t.compactLogged(ctx))
		t.report(ctx, "old beacons can't be deleted now", t.retain(ctx, in, now))
		if t.uncheckedFor(now) >= checkEvery {
			_, err := t.Check(ctx, in, nil)
			t.report(ctx, "the table can't be checked now", err)
		}
		_, err := t.deleteObsolete(obsoleteGrace)
		t.report(ctx, "replaced files can't be deleted now", err)
		select {
		case <-tick.C:
		case <-t.flushed:
		case <-ctx.Done():
			return
		}
	}
}

func (t *Table) uncheckedFor(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return now.Sub(t.manifest.Checked).Abs()
}

// compactLogged is Compact with a line in the log every 5 s.
func (t *Table) compactLogged(ctx context.Context) error {
	logged, files, rows := time.Now(), int64(0), int64(0)
	return t.Compact(ctx, func(f, r int64) {
		files, rows = files+f, rows+r
		if time.Since(logged) >= reportEvery {
			logged = time.Now()
			t.log.Info("the table's files are being merged", "files", files, "rows", rows)
		}
	})
}

func (t *Table) report(ctx context.Context, problem string, err error) {
	if err != nil && ctx.Err() == nil {
		t.log.Error(problem, "error", err, "retry_in", maintainEvery)
	}
}
