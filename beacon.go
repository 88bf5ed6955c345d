// Package beacon is navigator.sendBeacon for Go programs: an asynchronous, non-blocking
// POST that expects no response and leaves even when the program that sent it is gone.
//
//	func main() {
//		beacon.Start()
//		…
//		beacon.Send("https://example.com/events", beacon.JSON(event))
//	}
//
// # What it promises
//
// When [Send] returns true, the beacon is on this machine's disk, in the user's outbox,
// and survives the death of the process by any means; with [Power] also that of the
// machine. Send costs about one write(2) and never waits for the network; neither does
// the program's exit. Delivery is at least once, with an Idempotency-Key header that
// stays the same, until the server takes or refuses the beacon or it expires. What was
// refused or expired is in the outbox's folder dead.
//
// After [Start] a small detached process delivers, the program's own executable in
// another role; one serves every process of the user. Without Start, or where processes
// can't be detached, a goroutine delivers while the program runs and the next run
// delivers the rest. Where a child can't outlive its parent, as in a container whose
// first process ends, call [Flush] before the end.
//
// A [Navigator] with a [Page] is a page's, and sends by all the rules of the Web: origins,
// CORS, policies, cookies. The package page puts JavaScript on it. Such beacons are delivered
// by their own process at once, and when that is gone by a detached one, or the next.
//
// # Limits
//
// One beacon's body is at most 64 KiB; an outbox holds 16 MiB and a beacon is good for
// 24 hours, unless [Config] says otherwise. At a limit Send returns false.
//
// The names and rules are those of the Beacon standard of the W3C and the Fetch
// standard of the WHATWG; the process takes the page's place.
package beacon

import "context"

// MaxBody is the most bytes that a beacon's body can have: the keepalive quota of the
// Fetch standard ("HTTP-network-or-cache fetch").
const MaxBody = 64 << 10

// Send queues data to be sent to url in a POST request and returns whether it was
// queued. It is [Navigator.SendBeacon] of the zero Navigator, with what would be a
// TypeError returned as false too. It is safe for concurrent use.
func Send(url string, data any) bool {
	ok, _ := new(Navigator).SendBeacon(url, data)
	return ok
}

// Start lets beacons be delivered by a detached process, and has what earlier runs left
// delivered now. Call it in the first line of main: the deliverer is this executable
// started once more, without arguments, and in that process Start does not return.
//
// A config, at most one, becomes the process's own: that of [Send] and of every
// Navigator without one.
func Start(config ...Config) {
	if len(config) > 0 {
		setConfig(config[0])
	}
	startDetached()
}

// Flush waits until every beacon that this process has sent has an outcome: it was
// delivered, or refused by its server, or it will never be. It is for programs that a child can't outlive, such
// as the first process of a container or a function in the cloud. The error is ctx's,
// with the number of beacons that still wait; they stay in the outbox.
func Flush(ctx context.Context) error { return flush(ctx) }
