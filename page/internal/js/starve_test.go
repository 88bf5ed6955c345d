package js

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// TestInterrupt_AllocationsFailAtAnyMoment_NeverFaults makes allocations fail at random moments of a script that uses
// most of the engine.
func TestInterrupt_AllocationsFailAtAnyMoment_NeverFaults(t *testing.T) {
	const source = `{ const log = []; for (let i = 0;; i++) try {
		const a = Array.from({ length: 300 }, (_, k) => "k" + (k * 7919 % 1009) + i).sort(), o = JSON.parse(JSON.stringify({ a, s: a.join() }))
		log.length = 0
		log.push(o.s.replace(/k(\d)/g, "$1x"), new Map(a.map(x => [x, {}])), [...o.s].length, eval("(function () { return " + i + "n ** 30n })()"))
		try { null.x } catch (e) { log.push(e.stack) }
		class A { #x = i; get x() { return this.#x } }
		log.push(new A().x)
		Promise.reject(1).catch(() => {})
	} catch (e) { log.push(String(e)) } }`
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		vm, err := New(Config{Memory: 64 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			wait := time.Duration(rand.IntN(8000)) * time.Microsecond
			timer := time.AfterFunc(wait, func() {
				vm.Interrupt(errors.New("late"))
				vm.stop.Store(starved)
			})
			err := vm.Do(func() error { _, err := vm.RunSource("test.js", source, Script); return err })
			timer.Stop()
			if !errors.Is(err, ErrInterrupted) {
				t.Fatalf("after %v: got %v, want the interrupt", wait, err)
			}
			vm.Resume()
		}
		vm.Close()
	}
}
