package js_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/page/internal/js"
)

// interfaces is the source of a synthetic platform: 40 classes with 12 attributes and 10 operations each, and a
// slot for their state.
var interfaces = func() string {
	var b strings.Builder
	b.WriteString("(() => {\nconst slots = new WeakMap(), brand = (o, n) => { const s = slots.get(o); if (!s || s.n !== n) throw new TypeError('Illegal invocation'); return s };\n")
	for i := range 40 {
		fmt.Fprintf(&b, "class Interface%d { constructor(a, b = {}) { slots.set(this, { n: %d, a: String(a), b }) }\n", i, i)
		for n := range 12 {
			fmt.Fprintf(&b, "get attribute%d() { return brand(this, %d).a%d } set attribute%d(v) { brand(this, %d).a%d = String(v) }\n", n, i, n, n, i, n)
		}
		for n := range 10 {
			fmt.Fprintf(&b, "operation%d(a, b) { const s = brand(this, %d); if (arguments.length < 1) throw new TypeError('1 argument required'); for (const k of Object.keys(b ?? {})) s[k] = b[k]; return String(a) + s.a }\n", n, i)
		}
		fmt.Fprintf(&b, "}\nObject.defineProperty(Interface%d.prototype, Symbol.toStringTag, { value: 'Interface%d', configurable: true });\n", i, i)
		fmt.Fprintf(&b, "Object.defineProperty(globalThis, 'Interface%d', { value: Interface%d, writable: true, configurable: true })\n", i, i)
	}
	b.WriteString("})()")
	return b.String()
}()

const mixed = `(function (n) {
	let sum = 0
	const map = new Map(), re = /(\w+)=(\d+)/g
	class Point { constructor(x, y) { this.x = x; this.y = y } add(o) { return new Point(this.x + o.x, this.y + o.y) } }
	for (let i = 0; i < n; i++) {
		const o = { id: i, name: "n" + i % 100, list: [i, i + 1, i + 2] }
		map.set(o.name, (map.get(o.name) || 0) + o.list.map(x => x * 2).reduce((a, b) => a + b, 0))
		const p = new Point(i, 1).add(new Point(1, i)), bytes = new Uint8Array(64)
		for (let k = 0; k < 64; k++) bytes[k] = i + k
		sum += p.x + bytes[63] + JSON.stringify(o).length
		for (const m of ("a=" + i + "&b=2").matchAll(re)) sum += m[1].length + +m[2]
		const add = (x => y => x + y)(i)
		sum += add(1) + "aXbXc".split("X").join("-").length
	}
	return sum
})`

const characters = `(function (n) { const s = "https://a.example/path?".repeat(23).slice(0, 512); let h = 0
	for (let i = 0; i < n; i++) for (let k = 0; k < s.length; k++) h = (h * 31 + s.charCodeAt(k)) | 0
	return h })`

const calls = `(function (n, f) { const u = "https://collector.example/beacon?id=1", b = new Uint8Array(512); for (let i = 0; i < n; i++) f(u, b) })`

// BenchmarkEngine compares this engine with goja. The work of an iteration is the same for both.
func BenchmarkEngine(b *testing.B) {
	b.Run("NewVM/quickjs", func(b *testing.B) {
		for b.Loop() {
			vm, err := js.New(js.Config{})
			if err != nil {
				b.Fatal(err)
			}
			vm.Close()
		}
	})
	b.Run("NewVM/goja", func(b *testing.B) {
		for b.Loop() {
			goja.New()
		}
	})
	b.Run("Platform/quickjs", func(b *testing.B) {
		p, err := js.Compile("platform.js", interfaces, js.Builtin)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			vm, err := js.New(js.Config{})
			if err != nil {
				b.Fatal(err)
			}
			if err = vm.Do(func() error { _, err := vm.Run(p); return err }); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(vm.HeapBytes())/(1<<20), "MiB/VM")
			vm.Close()
		}
	})
	b.Run("Platform/goja", func(b *testing.B) {
		p := goja.MustCompile("platform.js", interfaces, true)
		for b.Loop() {
			if _, err := goja.New().RunProgram(p); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, source := range map[string]string{"Mixed1000": mixed, "Characters512": characters} {
		b.Run(name+"/quickjs", func(b *testing.B) { loop(b, source, map[string]float64{"Mixed1000": 1000, "Characters512": 1}[name]) })
		b.Run(name+"/goja", func(b *testing.B) { gojaLoop(b, source, map[string]int{"Mixed1000": 1000, "Characters512": 1}[name]) })
	}
	b.Run("HostCall/quickjs", func(b *testing.B) {
		vm := open(b, js.Config{})
		total := 0
		err := vm.Do(func() error {
			host := vm.Func(2, func(_ js.Value, args []js.Value) (js.Value, error) {
				s, err := vm.ToString(args[0])
				body, _ := vm.Bytes(args[1])
				total += len(s) + len(append([]byte(nil), body...))
				return js.Bool(true), err
			})
			f, err := vm.RunSource("calls.js", calls, js.Script)
			if err != nil {
				return err
			}
			b.ResetTimer()
			_, err = vm.Call(f, js.Undefined, js.Number(float64(b.N)), host)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	})
	b.Run("HostCall/goja", func(b *testing.B) {
		r := goja.New()
		total := 0
		host := r.ToValue(func(c goja.FunctionCall) goja.Value {
			body := c.Argument(1).Export().([]byte)
			total += len(c.Argument(0).String()) + len(append([]byte(nil), body...))
			return r.ToValue(true)
		})
		v, err := r.RunString(calls)
		if err != nil {
			b.Fatal(err)
		}
		f, _ := goja.AssertFunction(v)
		b.ResetTimer()
		if _, err := f(nil, r.ToValue(b.N), host); err != nil {
			b.Fatal(err)
		}
	})
}

func loop(b *testing.B, source string, n float64) {
	vm := open(b, js.Config{})
	err := vm.Do(func() error {
		f, err := vm.RunSource("loop.js", source, js.Script)
		if err != nil {
			return err
		}
		for b.Loop() {
			if _, err := vm.Call(f, js.Undefined, js.Number(n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func gojaLoop(b *testing.B, source string, n int) {
	r := goja.New()
	v, err := r.RunString(source)
	if err != nil {
		b.Fatal(err)
	}
	f, _ := goja.AssertFunction(v)
	for b.Loop() {
		if _, err := f(nil, r.ToValue(n)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdle measures the resident memory of an idle VM with the platform. The benchmark of each engine needs a
// process of its own, with -benchtime 1x.
func BenchmarkIdle(b *testing.B) {
	const n = 100
	keep := make([]any, n)
	measure := func(b *testing.B, open func() any) {
		before := resident(b)
		for i := range keep {
			keep[i] = open()
		}
		b.ReportMetric(float64(resident(b)-before)/n/(1<<20), "MiB/VM")
		runtime.KeepAlive(keep)
	}
	b.Run("quickjs", func(b *testing.B) {
		p, err := js.Compile("platform.js", interfaces, js.Builtin)
		if err != nil {
			b.Fatal(err)
		}
		measure(b, func() any {
			vm := open(b, js.Config{})
			vm.Do(func() error { _, err := vm.Run(p); return err })
			return vm
		})
	})
	b.Run("goja", func(b *testing.B) {
		p := goja.MustCompile("platform.js", interfaces, true)
		measure(b, func() any {
			r := goja.New()
			r.RunProgram(p)
			return r
		})
	})
}

// resident is the process's resident memory in bytes, on Linux.
func resident(b *testing.B) int {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip(err)
	}
	pages, _ := strconv.Atoi(strings.Fields(string(text))[1])
	return pages * os.Getpagesize()
}
