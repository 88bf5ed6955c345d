package js_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/page/internal/js"
)

// open returns a VM that the test closes.
func open(t testing.TB, c js.Config) *js.VM {
	t.Helper()
	vm, err := js.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vm.Close)
	return vm
}

// eval returns String(value) of the script.
func eval(t testing.TB, vm *js.VM, source string) (result string) {
	t.Helper()
	err := vm.Do(func() error {
		v, err := vm.RunSource("test.js", source, js.Script)
		if err == nil {
			result, err = vm.ToString(v)
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return result
}

// fails returns the error of the script.
func fails(t testing.TB, vm *js.VM, source string) error {
	t.Helper()
	err := vm.Do(func() error {
		_, err := vm.RunSource("test.js", source, js.Script)
		return err
	})
	if err == nil {
		t.Fatalf("%s: got no error", source)
	}
	return err
}

// define sets a global function.
func define(t testing.TB, vm *js.VM, name string, length int, f js.Func) {
	t.Helper()
	if err := vm.Do(func() error { return vm.Set(vm.Global(), name, vm.Func(length, f)) }); err != nil {
		t.Fatal(err)
	}
}

var errLate = errors.New("it is late")

// interrupted runs the script, interrupts it 20 ms after its call of begin, and returns how long it went on.
func interrupted(t *testing.T, vm *js.VM, source string) time.Duration {
	t.Helper()
	var at time.Time
	define(t, vm, "begin", 0, func(js.Value, []js.Value) (js.Value, error) {
		time.AfterFunc(20*time.Millisecond, func() {
			at = time.Now()
			vm.Interrupt(errLate)
		})
		return js.Undefined, nil
	})
	err := fails(t, vm, source)
	took := time.Since(at)
	if !errors.Is(err, js.ErrInterrupted) || !errors.Is(err, errLate) {
		t.Fatalf("%s: got %v after %v, want the interrupt", source, err, took)
	}
	vm.Resume()
	if got := eval(t, vm, "String(6 * 7)"); got != "42" {
		t.Fatalf("after the interrupt: got %s, want 42", got)
	}
	return took
}

func contains(t *testing.T, what string, err error, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", what, err, want)
		}
	}
}
