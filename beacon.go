// Package beacon is navigator.sendBeacon for Go programs (W3C Beacon, WHATWG Fetch): an asynchronous POST request that
// expects no response and leaves even when the program that sent it is gone.
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
// Refused and expired beacons are in the outbox's folder dead. A body has at most 1 MiB, an outbox 16 MiB, and a
// beacon expires after 24 hours, unless [Config] says otherwise.
//
// # Delivery
//
// After [Start] a small detached process delivers: the program's own executable in another role. One process
// delivers for all programs that use the same outbox. Without Start, or where processes can't be detached, a
// goroutine delivers while the program runs, and the next run delivers the rest. Where a child can't outlive its
// parent, as in a container whose first process ends, call [Flush] before the end.
//
// [Open] returns a [Sender] with settings of its own. With a [Transport], an existing client such as an SDK's sends
// through the outbox. The package navigator sends as a web page does. With GOOS=js, Send passes the beacon to the
// browser, which has no outbox; docs/sender.md has the differences.
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
	if defaultSender.Load() == nil {
		s, _ := newSender(Config{})
		defaultSender.CompareAndSwap(nil, s)
	}
	return defaultSender.Load()
}

// Start lets a detached process deliver the beacons of this process, and starts to deliver those that earlier runs
// left. Call it once, anywhere in main. A config becomes that of [Default], which is then another Sender; the one
// before stays open. The deliverer is this executable started again: init functions may run in it, and main does not.
//
// The error is that of a config that can't be used, which Send returns too, or of an outbox in which beacons wait.
// With sending turned off, Start returns nil. Start never makes the outbox's directory.
func Start(config ...Config) error {
	outbox.Detach() // allows it: Append and DeliverLeft start a deliverer when beacons wait
	s := Default()
	if len(config) > 0 {
		var err error
		if s, err = newSender(config[0]); err != nil {
			// The opt-outs hold: a Transport must not send what they forbid.
			s, _ = newSender(Config{Dir: config[0].Dir, Disabled: config[0].Disabled, HonorDoNotTrack: config[0].HonorDoNotTrack})
			s.invalid = err
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

// OutboxDir returns the outbox's directory without a [Config.Dir]: that of the environment's BEACON_OUTBOX, else the
// folder beacon/outbox in the user's data directory, or for temporary files if the user has no home. It returns an
// error if BEACON_OUTBOX is off or log, or neither absolute nor below ~.
func OutboxDir() (string, error) { return outbox.UserDir() }
