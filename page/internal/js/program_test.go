package js_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/page/internal/js"
)

func TestProgram_CompiledOnce_RunsInManyVMs(t *testing.T) {
	p, err := js.Compile("builtin.js", "function f(a) { return a.b } (globalThis.n = (globalThis.n ?? 0) + 1, f.toString())", js.Builtin)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		vm := open(t, js.Config{})
		for n := range 2 {
			err := vm.Do(func() error {
				v, err := vm.Run(p)
				if err != nil {
					return err
				}
				if s, _ := vm.ToString(v); !strings.Contains(s, "[native code]") {
					t.Errorf("the source of a built-in function is %q", s)
				}
				return nil
			})
			if got := eval(t, vm, "n"); err != nil || got != fmt.Sprint(n+1) {
				t.Errorf("got %s, %v", got, err)
			}
		}
		contains(t, "an exception", fails(t, vm, "f()"), "TypeError")
	}
	if _, err := js.Compile("bad.js", "a b", js.Script); err == nil || !strings.Contains(err.Error(), "SyntaxError") {
		t.Errorf("got %v, want a SyntaxError", err)
	}
}

// run runs a module and its jobs, and returns the error of its promise.
func run(t *testing.T, vm *js.VM, name, source string) error {
	t.Helper()
	result := errors.New("the promise is pending")
	err := vm.Do(func() error {
		promise, err := vm.RunSource(name, source, js.Module)
		if err != nil {
			return err
		}
		then, err := vm.Get(promise, "then")
		if err != nil {
			return err
		}
		ok := vm.Func(1, func(js.Value, []js.Value) (js.Value, error) { result = nil; return js.Undefined, nil })
		failed := vm.Func(1, func(_ js.Value, args []js.Value) (js.Value, error) {
			result = errors.New(vm.NewException(args[0]).Message)
			return js.Undefined, nil
		})
		if _, err = vm.Call(then, promise, ok, failed); err != nil {
			return err
		}
		return vm.RunJobs(func(err error) { t.Error(err) })
	})
	if err != nil {
		return err
	}
	return result
}

func TestModules_LoadedByGo_AreLinked(t *testing.T) {
	files := map[string]string{
		"/lib/a.js":    `import { b } from "./b.js"; export const a = "a" + b; export default import.meta.url`,
		"/lib/b.js":    `import { a } from "./a.js"; export const b = "b"; export let late = () => a`,
		"/dynamic.js":  `export const d = await Promise.resolve("d")`,
		"/syntax.js":   `export a b`,
		"/throws.js":   `throw new RangeError("thrown by a module")`,
		"/missing.js":  `import { nothing } from "./dynamic.js"`,
		"/absent2.js":  `import "./absent.js"`,
		"/absent.json": `{}`,
	}
	vm := open(t, js.Config{
		Resolve: func(base, specifier string) (string, error) {
			if rest, ok := strings.CutPrefix(specifier, "./"); ok {
				return base[:strings.LastIndex(base, "/")+1] + rest, nil
			}
			return "", &js.Error{Class: "TypeError", Message: "bare specifier " + specifier}
		},
		Load: func(name string) (string, error) {
			if source, ok := files[name]; ok {
				return source, nil
			}
			return "", errors.New("there is no " + name)
		},
	})
	main := `import url, { a } from "./lib/a.js"; import * as b from "./lib/b.js"; const { d } = await import("./dynamic.js")
		globalThis.result = [a, b.late(), d, url, import.meta.url, typeof this].join()`
	if err := run(t, vm, "/main.js", main); err != nil {
		t.Fatal(err)
	}
	if got := eval(t, vm, "result"); got != "ab,ab,d,/lib/a.js,/main.js,undefined" {
		t.Errorf("got %s", got)
	}
	for source, want := range map[string]string{
		`import "bare"`: "TypeError: bare specifier", `import "./absent.js"`: "there is no /absent.js", `import "./syntax.js"`: "SyntaxError",
		`import "./throws.js"`: "thrown by a module", `import "./missing.js"`: "SyntaxError", `import "./absent2.js"`: "there is no /absent.js",
		`await import("./absent.js")`: "there is no", `await import("bare")`: "bare specifier", `await 0; null.x`: "TypeError",
	} {
		contains(t, source, run(t, vm, "/test.js", source), want)
	}
}

func TestPromise_SettledByGo_RunsReactionsInJobs(t *testing.T) {
	vm := open(t, js.Config{})
	var waiting []*js.Deferred
	define(t, vm, "later", 0, func(js.Value, []js.Value) (js.Value, error) {
		d := vm.NewPromise()
		waiting = append(waiting, d)
		return d.Promise, nil
	})
	eval(t, vm, "globalThis.log = []; (async () => { log.push(await later()); try { await later() } catch (e) { log.push(e.name) } })()")
	settle := func(f func(d *js.Deferred) error) {
		t.Helper()
		err := vm.Do(func() error {
			if err := f(waiting[len(waiting)-1]); err != nil {
				return err
			}
			before := eval(t, vm, "log.length")
			err := vm.RunJobs(func(err error) { t.Error(err) })
			if after := eval(t, vm, "log.length"); before == after {
				t.Error("the job did not run")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	settle(func(d *js.Deferred) error { return d.Resolve(vm.String("value")) })
	settle(func(d *js.Deferred) error { return d.Reject(&js.Error{Class: "TypeError", Message: "x"}) })
	if got := eval(t, vm, "log.join()"); got != "value,TypeError" {
		t.Errorf("got %s, want value,TypeError", got)
	}
}

func TestRejection_WithoutHandler_IsReportedOnce(t *testing.T) {
	var log []string
	var vm *js.VM
	vm = open(t, js.Config{Rejection: func(promise, reason js.Value, handled bool) {
		s, _ := vm.ToString(reason)
		log = append(log, fmt.Sprint(s, " ", promise.IsObject(), " ", handled))
	}})
	eval(t, vm, "const p = Promise.reject('a'); (async () => { throw 'b' })().catch(() => {}); Promise.reject('c')")
	eval(t, vm, "p.catch(() => {})")
	if got := strings.Join(log, ", "); got != "a true false, b true false, b true true, c true false, a true true" {
		t.Errorf("got %s", got)
	}
}

func TestJobs_WithoutEnd_EndByInterrupt(t *testing.T) {
	vm := open(t, js.Config{})
	eval(t, vm, "(function f() { Promise.resolve().then(f) })()")
	define(t, vm, "stop", 0, func(js.Value, []js.Value) (js.Value, error) { vm.Interrupt(errLate); return js.Undefined, nil })
	eval(t, vm, "let n = 0; (async () => { for (;;) { await 0; if (n++ > 1000) stop() } })(); 1")
	if err := vm.Do(func() error { return vm.RunJobs(func(err error) { t.Error(err) }) }); !errors.Is(err, errLate) {
		t.Errorf("got %v, want the interrupt", err)
	}
}
