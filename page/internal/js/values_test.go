package js_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/page/internal/js"
)

func TestValues_EachKind_AreTheSameOnBothSides(t *testing.T) {
	vm := open(t, js.Config{})
	define(t, vm, "same", 1, func(_ js.Value, args []js.Value) (js.Value, error) {
		v := args[0]
		if s, err := vm.ToString(v); v.IsString() {
			return vm.String(s), err
		}
		if b, ok := vm.Bytes(v); ok {
			return vm.Uint8Array(b), nil
		}
		switch {
		case v.IsUndefined():
			return js.Undefined, nil
		case v.IsNull():
			return js.Null, nil
		case v.IsObject():
			return v, nil
		case !math.IsNaN(v.Number()):
			return js.Number(v.Number()), nil
		case v.Bool():
			return js.Bool(true), nil
		}
		return js.Number(v.Number()), nil
	})
	for _, v := range []string{
		"undefined", "null", "true", "0", "-0", "1.5", "2**31", "-(2**31)", "2**53", "NaN", "Infinity", "-Infinity", `""`, `"a\0b"`,
		`"é"`, `"€"`, `"😀"`, `"\ud83d"`, `"a\ude00b"`, `"\ude00\ud83d"`, `"x".repeat(1e6)`, `("x" + "y".repeat(9999)) + "ü"`, `Symbol.prototype`, "globalThis", "same",
	} {
		if got := eval(t, vm, "Object.is(same("+v+"), "+v+")"); got != "true" {
			t.Errorf("%s is not the same after Go", v)
		}
	}
	for _, v := range []string{
		"new Uint8Array([0, 1, 255])", "new Uint8Array([1, 2, 3, 4]).subarray(1, 3)", "new Uint8Array(new ArrayBuffer(0))",
		"new Uint8Array(new Uint16Array([1, 258]).buffer)", "new Uint8Array(new ArrayBuffer(8, { maxByteLength: 16 }))",
	} {
		script := "const a = " + v + ", b = same(a); b instanceof Uint8Array && b.buffer !== a.buffer && [...a].join() === [...b].join()"
		if got := eval(t, vm, "{"+script+"}"); got != "true" {
			t.Errorf("%s has other bytes after Go", v)
		}
	}
	if got := eval(t, vm, "const b = new ArrayBuffer(9); b.transfer(); same(b) === b"); got != "true" {
		t.Error("a detached buffer has bytes")
	}
}

func TestBytes_ChangedByGo_AreChangedForTheScript(t *testing.T) {
	vm := open(t, js.Config{})
	define(t, vm, "fill", 1, func(_ js.Value, args []js.Value) (js.Value, error) {
		b, _ := vm.Bytes(args[0])
		copy(b, bytes.Repeat([]byte{7}, len(b)))
		return args[0], nil
	})
	if got := eval(t, vm, "const a = new Uint16Array(4); fill(a.subarray(1, 3)) && a.join()"); got != "0,1799,1799,0" {
		t.Errorf("got %s, want 0,1799,1799,0", got)
	}
}

func TestHostFunction_ReturnsError_ThrowsItsClass(t *testing.T) {
	type ours struct{ error }
	var vm *js.VM
	vm = open(t, js.Config{ErrorValue: func(err error) (js.Value, bool) {
		return vm.String("converted"), errors.As(err, &ours{})
	}})
	errs := map[string]error{
		"TypeError":  &js.Error{Class: "TypeError", Message: "no € type"},
		"RangeError": &js.Error{Class: "RangeError", Message: strings.Repeat("long", 100)},
		"Error":      errors.New("plain"),
	}
	define(t, vm, "fail", 1, func(_ js.Value, args []js.Value) (js.Value, error) {
		s, err := vm.ToString(args[0])
		if err != nil {
			return js.Undefined, err
		}
		if s == "ours" {
			return js.Undefined, ours{errors.New("x")}
		}
		return js.Undefined, errs[s]
	})
	for class, want := range errs {
		text := strings.TrimPrefix(want.Error(), class+": ")
		got := eval(t, vm, "try { fail('"+class+"') } catch (e) { [e.constructor === "+class+", e.message, e.stack.includes('test.js')].join() }")
		if got != "true,"+text+",true" {
			t.Errorf("%s: got %s", class, got)
		}
	}
	if got := eval(t, vm, "try { fail('ours') } catch (e) { e }"); got != "converted" {
		t.Errorf("ErrorValue: got %q, want converted", got)
	}
	if got := eval(t, vm, "const mine = {}; try { fail({ toString() { throw mine } }) } catch (e) { e === mine }"); got != "true" {
		t.Error("an exception that passes through Go is another value")
	}
	if got := eval(t, vm, "globalThis.TypeError = null; try { fail('TypeError') } catch (e) { e.name }"); got != "TypeError" {
		t.Errorf("a class that a script replaced: got %q", got)
	}
}

func TestException_Uncaught_IsGoErrorWithMessageAndStack(t *testing.T) {
	vm := open(t, js.Config{})
	var e *js.Exception
	if err := fails(t, vm, "function inner() {\n  throw new TypeError('bad €')\n}\ninner()"); !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e.Message != "TypeError: bad €" || !strings.Contains(e.Stack, "inner (test.js:2") || !strings.Contains(e.Stack, "test.js:4") {
		t.Errorf("got %q with the stack\n%s", e.Message, e.Stack)
	}
	for source, want := range map[string]string{
		"throw 1": "1", "throw null": "null", "throw undefined": "undefined", "throw Symbol()": "can't be converted",
		"throw { toString() { throw 1 } }": "can't be converted", "throw new class extends Error { get stack() { throw 1 } }('x')": "x", "syntax error": "SyntaxError: ",
	} {
		contains(t, source, fails(t, vm, source), want)
	}
}

func TestHostFunction_Panics_PassesToGo(t *testing.T) {
	vm := open(t, js.Config{})
	define(t, vm, "fail", 0, func(js.Value, []js.Value) (js.Value, error) { panic("mine") })
	define(t, vm, "call", 1, func(_ js.Value, args []js.Value) (js.Value, error) { return vm.Call(args[0], js.Undefined) })
	for _, source := range []string{"fail()", "try { fail() } catch {}", "call(() => { try { call(fail) } finally { } })"} {
		func() {
			defer func() {
				if x := recover(); x != "mine" {
					t.Errorf("%s: got the panic %v, want mine", source, x)
				}
			}()
			vm.Do(func() error { _, err := vm.RunSource("test.js", source, js.Script); return err })
		}()
		if got := eval(t, vm, "1 + 1"); got != "2" {
			t.Errorf("after %s: got %s, want 2", source, got)
		}
	}
}

func TestHostCalls_Million_LeaveNoMemory(t *testing.T) {
	vm := open(t, js.Config{})
	define(t, vm, "f", 3, func(_ js.Value, args []js.Value) (js.Value, error) {
		s, err := vm.ToString(args[0])
		b, _ := vm.Bytes(args[1])
		o := vm.Object()
		vm.Set(o, "s", vm.String(s+"."))
		vm.Set(o, "b", vm.Uint8Array(b))
		vm.Set(o, "h", vm.Host(&vm))
		if len(args) > 2 {
			vm.Set(o, "f", vm.Func(0, func(js.Value, []js.Value) (js.Value, error) { return js.Null, nil }))
			vm.NewPromise().Resolve(o)
			return js.Undefined, &js.Error{Class: "TypeError", Message: s}
		}
		return o, err
	})
	calls := func(n string) int64 {
		eval(t, vm, "{ const b = new Uint8Array(512), o = {}; for (let i = 0; i < "+n+"; i++) { f('https://a.example/' + i, b); if (!(i & 7)) try { f('x', b, o) } catch {} } }")
		if err := vm.Do(func() error { return vm.RunJobs(func(error) {}) }); err != nil {
			t.Fatal(err)
		}
		vm.Collect()
		return vm.HeapBytes()
	}
	n := "1e6"
	if testing.Short() || slow != "1" {
		n = "2e4"
	}
	before := calls("1e4")
	if after := calls(n); after-before > 16<<10 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
}
