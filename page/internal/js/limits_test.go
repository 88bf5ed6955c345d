package js_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/page/internal/js"
)

func TestInterrupt_EachKindOfWork_EndsSoon(t *testing.T) {
	for name, source := range map[string]string{
		"loop":                 "begin(); for (;;) {}",
		"loop with try":        "begin(); for (;;) try { for (;;) {} } catch {} finally {}",
		"recursion":            "begin(); (function f(n) { while (true) if (n < 50) f(n + 1) })(0)",
		"regular expression":   `begin(); /^(a+)+$/.test("a".repeat(40) + "b")`,
		"generator":            "begin(); function* g() { for (;;) yield 1 } for (const x of g());",
		"async function":       "begin(); (async () => { for (;;) {} })()",
		"sort":                 "const a = Array.from({ length: 4e5 / slow }, (_, i) => (i * 7919) % 1000003); begin(); a.sort(); throw 1",
		"sort with function":   "const a = Array.from({ length: 1e6 / slow }, (_, i) => (i * 7919) % 1000003); begin(); a.sort((x, y) => x - y); throw 1",
		"JSON.stringify":       "let a = []; for (let i = 0; i < 1e5 / slow; i++) a.push({ a: i, b: [i, 'x'] }); a = Array(1000).fill(a); begin(); JSON.stringify(a)",
		"JSON.parse":           "const s = '[' + '[1,2,3],'.repeat(1e6 / slow) + '1]'; begin(); JSON.parse(s); throw 1",
		"replaceAll":           "const s = 'ab'.repeat(1e6 / slow); begin(); s.replaceAll('a', 'xyz'); throw 1",
		"array that grows":     "begin(); const a = []; for (;;) a.push(a.length)",
		"join":                 "const a = Array(1e4).fill(Array(1e4 / slow).fill(1.5)); begin(); a.join()",
		"getter of a built-in": "begin(); Array.prototype.map.call({ length: 2**32 - 2, get 0() { for (;;); } }, x => x)",
	} {
		t.Run(name, func(t *testing.T) {
			took := interrupted(t, open(t, js.Config{Memory: 1 << 30}), strings.ReplaceAll(source, "slow", slow))
			t.Logf("ended %v after the interrupt", took.Round(time.Millisecond))
			if took > time.Second {
				t.Errorf("it ended %v after the interrupt, want at most 1s", took)
			}
		})
	}
}

// TestInterrupt_HostFunctionRuns_EndsTheScript sees an interrupt that arrives while Go code runs.
func TestInterrupt_HostFunctionRuns_EndsTheScript(t *testing.T) {
	vm := open(t, js.Config{})
	define(t, vm, "wait", 0, func(js.Value, []js.Value) (js.Value, error) {
		vm.Interrupt(errLate)
		return js.Undefined, nil
	})
	contains(t, "a host function", fails(t, vm, "try { wait() } catch { } for (;;) {}"), "the script was ended: it is late")
}

func TestRecursion_WithoutEnd_IsCatchableRangeError(t *testing.T) {
	vm := open(t, js.Config{})
	for _, f := range []string{
		"function f() { return 1 + f() }", "const f = () => [1].map(f)", "const o = { get f() { return o.f } }; function f() { return o.f }",
		"class A { constructor() { new A } }; const f = () => new A", "const f = () => JSON.stringify({ toJSON: f })",
		"const p = new Proxy({}, { get(t, k) { return p[k] } }); const f = () => p.x", "const f = () => 'x'.replace(/x/, f)",
		"const f = () => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a) }",
		"const f = () => eval('('.repeat(1e5))", "const f = () => new RegExp('('.repeat(1e5) + ')'.repeat(1e5))",
	} {
		script := "(() => { " + f + "; try { f() } catch (e) { return e.constructor.name + (e instanceof RangeError) } })()"
		if got := eval(t, vm, script); got != "RangeErrortrue" && got != "SyntaxErrorfalse" {
			t.Errorf("%s: got %q, want a RangeError", f, got)
		}
	}
	contains(t, "uncaught", fails(t, vm, "(function f() { f() })()"), "RangeError: ")
	if got := eval(t, vm, "typeof InternalError"); got != "undefined" {
		t.Errorf("typeof InternalError: got %s, want undefined", got)
	}
}

func TestMemory_AtTheLimit_IsClearErrorAndTheVMContinues(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"objects":  {"const a = []; for (;;) a.push({ a })", "more memory"},
		"string":   {"let s = 'x'; for (;;) s += s + s", "RangeError: "},
		"repeat":   {"'x'.repeat(2**28)", "RangeError: "},
		"buffer":   {"new ArrayBuffer(2**30)", "RangeError: "},
		"buffers":  {"const a = []; for (;;) a.push(new Uint8Array(100000))", "RangeError: "},
		"caught":   {"const a = []; for (;;) try { for (;;) a.push({ a }) } catch {}", "more memory"},
		"map":      {"const m = new Map; for (let i = 0;; i++) m.set(i, {})", ""},
		"closure":  {"let f = null; for (;;) { const g = f; f = () => g }", "more memory"},
		"built-in": {"JSON.parse('[' + '{},'.repeat(3e6) + '{}]')", ""},
		"cycles":   {"for (let i = 0; i < 3e5; i++) { const a = {}; a.a = a } throw RangeError('none')", "RangeError: none"},
	} {
		t.Run(name, func(t *testing.T) {
			vm := open(t, js.Config{Memory: 16 << 20})
			contains(t, c.source, fails(t, vm, "{"+c.source+"}"), c.want)
			if got := vm.HeapBytes(); got > 32<<20 {
				t.Errorf("the heap has %d MiB", got>>20)
			}
			vm.Resume()
			if got := eval(t, vm, "[1, 2, 3].map(x => x * 2).join()"); got != "2,4,6" {
				t.Errorf("after it: got %s, want 2,4,6", got)
			}
		})
	}
}

// TestMemory_EachLimit_NeverFaults runs scripts with so many limits that each allocation fails once in a while.
func TestMemory_EachLimit_NeverFaults(t *testing.T) {
	const source = `
		const log = []
		class A { #x = 1; static s = [/a(?<n>b)/u.exec("ab")]; get x() { return this.#x } }
		for (let i = 0; i < 300; i++) try {
			log.push(new A().x, JSON.parse(JSON.stringify({ a: [i, "é" + i] })), new Map([[i, log]]), [...Array(i).keys()].sort().join())
			log.push("x".repeat(i).replace(/x/g, "yy"), (function* () { yield* [i, new Uint8Array(i)] })(), (async () => { await i })())
			eval("var v" + i + " = function () { return " + i + "n ** 20n }"); log.push(globalThis["v" + i]())
		} catch (e) { if (i % 2) throw e }`
	step := int64(199_999)
	if slow != "1" {
		step *= 5
	}
	for limit := int64(100 << 10); limit < 3<<20; limit += step {
		vm, err := js.New(js.Config{Memory: limit})
		if err != nil {
			continue
		}
		for range 3 {
			vm.Do(func() error {
				vm.RunSource("test.js", "{"+source+"}", js.Script)
				return vm.RunJobs(func(error) {})
			})
			vm.Resume()
		}
		if err := vm.Do(func() error { return nil }); err != nil {
			t.Errorf("with %d bytes: %v", limit, err)
		}
		vm.Close()
	}
}

func TestVMs_ManyGoroutines_DoNotDisturbEachOther(t *testing.T) {
	p, err := js.Compile("shared.js", "(function (n) { let s = 0; for (let i = 0; i < n; i++) s += twice(i); return s })", js.Builtin)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 3 {
				vm, err := js.New(js.Config{Memory: 32 << 20})
				if err != nil {
					t.Error(err)
					return
				}
				err = vm.Do(func() error {
					vm.Set(vm.Global(), "twice", vm.Func(1, func(_ js.Value, args []js.Value) (js.Value, error) {
						return js.Number(2 * args[0].Number()), nil
					}))
					f, err := vm.Run(p)
					if err != nil {
						return err
					}
					v, err := vm.Call(f, js.Undefined, js.Number(float64(1000+i)))
					if want := float64((1000 + i) * (999 + i)); err == nil && v.Number() != want {
						t.Errorf("got %v, want %v", v.Number(), want)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
				timer := time.AfterFunc(time.Millisecond, func() { vm.Interrupt(errLate) })
				if err := fails(t, vm, "for (;;) {}"); !strings.Contains(err.Error(), "late") {
					t.Error(err)
				}
				timer.Stop()
				vm.Close()
				vm.Interrupt(fmt.Errorf("after Close"))
			}
		})
	}
	group.Wait()
}
