// Package beacon is navigator.sendBeacon for Go programs: an asynchronous POST request that expects no
// response and leaves even when the program that sent it is gone.
//
//	func main() {
//		beacon.Start()
//		…
//		err := beacon.Send("https://example.com/events", beacon.JSON(event))
//	}
//
// # Promises
//
// When [Send] returns nil, the beacon is on this machine's disk, in the user's outbox, and survives the death
// of the process by any means; with [Config.Durable] also a power cut. Send costs about one write(2) and never
// waits for the network. The program's exit does not wait for it either. Delivery is at least once, with an
// Idempotency-Key header that stays the same, until the server takes or refuses the beacon or it expires.
// Refused and expired beacons are in the outbox's folder dead.
//
// # Delivery
//
// After [Start] a small detached process delivers: the program's own executable in another role. One serves
// all processes of the user. Without Start, or where processes can't be detached, a goroutine delivers while
// the program runs, and the next run delivers the rest. Where a child can't outlive its parent, as in a
// container whose first process ends, call [Flush] before the end.
//
// [Open] returns a [Sender] with settings of its own. A [Transport] has an existing client, such as an SDK's,
// send through the outbox. The package navigator sends as a web page does.
//
// # Browsers
//
// With GOOS=js, Send passes the beacon to the page's navigator.sendBeacon. A browser has no outbox: when Send
// returns nil, the browser has taken the beacon and sends it once, also after the end of the page. A relative URL is
// relative to the page. The rules of CORS hold.
//
//   - A beacon that sendBeacon can't send goes by fetch with keepalive: one with a [Config.Header] or other
//     headers, another method than POST, or where sendBeacon is missing, as in a worker. The browser
//     leaves out the headers that scripts can't set.
//   - A body has at most 64 KiB. While the bodies under way have more together, Send returns [ErrFull].
//   - [Flush] waits for fetches only. A browser does not report when it has delivered a beacon of sendBeacon.
//     [Config.Logger] logs fetches that fail.
//   - Firefox can lose a beacon that a handler sends while its tab is closed, because it does not wait for the
//     handler. Chromium waits.
//   - [Sender.Status], [Sender.Pending], [Sender.Drop], [ReadStatus] and [OutboxDir] return an error that wraps
//     [errors.ErrUnsupported].
//
// # Limits
//
// A beacon's body has at most 1 MiB, an outbox 16 MiB, and a beacon expires after 24 hours, unless [Config]
// says otherwise.
//
// The names and rules are those of the Beacon standard of the W3C and the Fetch standard of the WHATWG.
package beacon

import (
	"context"
	"sync/atomic"

	"github.com/seed-d051cf5a/beacon/internal/outbox"
)

// defaultSender is what [Default] returns.
var defaultSender atomic.Pointer[Sender]

// Default returns the sender that [Send] and [Flush] use. Before [Start] it has the zero Config.
func Default() *Sender {
	if s := defaultSender.Load(); s != nil {
		return s
	}
	s, _ := newSender(Config{})
	if !defaultSender.CompareAndSwap(nil, s) {
		return defaultSender.Load()
	}
	return s
}

// Start lets detached processes deliver the beacons of this process, and has what earlier runs left delivered
// now. Call it anywhere in main. A config, at most one, becomes that of [Default], which is then another Sender;
// beacons that were sent before stay with the one before. Without Start a program delivers by itself, while it
// runs. In a deliverer, which is this executable started once more, packages may be initialized, and main is not
// reached.
//
// The error is [Open]'s. If the config can't be used, Send returns the same error. With sending turned off, Start
// returns nil. It makes no directory.
func Start(config ...Config) error {
	outbox.Detach()
	s := Default()
	if len(config) > 0 {
		var err error
		if s, err = newSender(config[0]); err != nil {
			s, _ = newSender(Config{Disabled: config[0].Disabled})
			s.invalid = err // a Send must not use other settings, which could lack an opt-out
		}
		defaultSender.Store(s)
		if err != nil {
			return err
		}
	}
	return s.start(false)
}

// Send queues data to be sent to url, an absolute http or https URL, in a POST request. It is [Sender.Send] of
// [Default].
func Send(url string, data any) error { return Default().Send(url, data) }

// Flush waits until every beacon that [Default] has sent has an outcome. It is [Sender.Flush] of Default.
func Flush(ctx context.Context) error { return Default().Flush(ctx) }

// OutboxDir returns the directory of the outbox that is used without a [Config.Dir]: that of the environment's
// BEACON_OUTBOX, else the folder beacon/outbox in the user's data directory. A user without a home of its own
// gets a folder in the directory for temporary files. It returns an error if BEACON_OUTBOX is off or log, or
// neither absolute nor below ~.
func OutboxDir() (string, error) { return outbox.UserDir() }
