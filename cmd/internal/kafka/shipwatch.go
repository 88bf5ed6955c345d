package kafka

import (
	"context"
	"time"
)

const (
	// stallAfter is how long nothing is acknowledged until the cause is looked for, and stallRetry how long
	// until it is looked for again.
	stallAfter = 2 * time.Second
	stallRetry = 10 * time.Second
)

// watch finds out why the log acknowledges nothing, and logs when that begins, changes and ends. The library
// retries in silence.
func (s *Shipper) watch(ctx context.Context, stop <-chan struct{}) {
	ticker := time.NewTicker(stallAfter / 2)
	defer ticker.Stop()
	var reason string // what was logged last, while nothing is acknowledged
	var looked time.Time
	for {
		select {
		case <-ticker.C:
		case <-stop:
			return
		}
		s.window.mu.Lock()
		stalled := len(s.window.chunks) > 0 && time.Since(s.window.lastAck) > stallAfter
		s.window.mu.Unlock()
		switch {
		case !stalled && reason != "":
			s.log.Info("log takes records again", "backlog_bytes", s.Backlog())
			reason, looked = "", time.Time{}
		case stalled && time.Since(looked) >= stallRetry:
			looked = time.Now()
			if why := s.diagnose(ctx); why != reason && ctx.Err() == nil {
				reason = why
				s.log.Error("log takes no records, they wait", "reason", why, "backlog_bytes", s.Backlog())
			}
		}
	}
}

// diagnose returns why nothing is acknowledged.
func (s *Shipper) diagnose(ctx context.Context) string {
	o := s.o.Options
	warnings, err := Check(ctx, o, 0)
	if err != nil {
		s.state.failed(err)
		return err.Error()
	}
	_, failed, _, _ := s.state.get(0)
	switch {
	case failed != "":
		return failed
	case len(warnings) > 0:
		return warnings[0]
	}
	return "the broker answers, and does not acknowledge records"
}
