package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// defineConsole is the Console standard's namespace object. What it prints goes to
// [Options.Console].
func (rt *realm) defineConsole() {
	p, o := rt.page, rt.r.NewObject()
	counts, began, indent := map[string]int{}, map[string]time.Time{}, 0
	print := func(level, s string) {
		pad := strings.Repeat("  ", indent)
		p.console(level, pad+strings.ReplaceAll(s, "\n", "\n"+pad))
	}
	define := func(name string, f func(c call)) {
		fn := rt.function(name, 0, func(_ goja.Value, args []goja.Value) goja.Value {
			f(call{rt, "execute '" + name + "' on 'console'", nil, args})
			return goja.Undefined()
		})
		must(o.DefineDataProperty(name, fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
	}
	for name, level := range map[string]string{"log": "log", "info": "info", "debug": "debug", "warn": "warn", "error": "error", "dir": "log", "table": "log", "dirxml": "log"} {
		define(name, func(c call) { print(level, rt.format(c.args)) })
	}
	define("trace", func(c call) {
		print("log", "Trace: "+rt.format(c.args)+trace(rt.r.CaptureCallStack(0, nil)))
	})
	define("assert", func(c call) {
		if !c.arg(0).ToBoolean() {
			print("error", strings.TrimSuffix("Assertion failed: "+rt.format(c.args[min(1, len(c.args)):]), ": "))
		}
	})
	label := func(c call) string {
		if c.given(0) {
			return c.usv(0)
		}
		return "default"
	}
	define("count", func(c call) {
		counts[label(c)]++
		print("info", fmt.Sprintf("%s: %d", label(c), counts[label(c)]))
	})
	define("countReset", func(c call) { delete(counts, label(c)) })
	define("time", func(c call) { began[label(c)] = time.Now() })
	elapsed := func(c call) {
		if t, ok := began[label(c)]; ok {
			print("info", fmt.Sprintf("%s: %v", label(c), time.Since(t)))
		}
	}
	define("timeLog", elapsed)
	define("timeEnd", func(c call) { elapsed(c); delete(began, label(c)) })
	group := func(c call) {
		if len(c.args) > 0 {
			print("log", rt.format(c.args))
		}
		indent++
	}
	define("group", group)
	define("groupCollapsed", group)
	define("groupEnd", func(call) { indent = max(0, indent-1) })
	define("clear", func(call) { indent = 0 })
	must(o.DefineDataPropertySymbol(goja.SymToStringTag, rt.value("console"), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	rt.global("console", o)
}

// format is Console, "Formatter".
func (rt *realm) format(args []goja.Value) string {
	var b strings.Builder
	if len(args) > 1 && goja.IsString(args[0]) {
		s := args[0].String()
		args = args[1:]
		for i := 0; i < len(s); i++ {
			if s[i] != '%' || i+1 == len(s) {
				b.WriteByte(s[i])
				continue
			}
			i++
			if s[i] == '%' {
				b.WriteByte('%')
				continue
			}
			if len(args) == 0 || !strings.ContainsRune("sdifoOc", rune(s[i])) {
				b.WriteString(s[i-1 : i+1])
				continue
			}
			b.WriteString(rt.formatted(s[i], args[0]))
			args = args[1:]
		}
		if len(args) > 0 {
			b.WriteByte(' ')
		}
	}
	for i, v := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(rt.show(v))
	}
	return b.String()
}

func (rt *realm) formatted(verb byte, v goja.Value) string {
	switch verb {
	case 'c':
		return "" // styles need a screen
	case 's':
		return rt.show(v)
	case 'd', 'i', 'f':
		if _, symbol := v.(*goja.Symbol); symbol {
			return "NaN"
		}
		f := v.ToFloat()
		if verb != 'f' {
			return rt.value(float64(int64(f))).String()
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return rt.inspect(v)
}

// show is a value as an argument of console.log: strings are bare.
func (rt *realm) show(v goja.Value) string {
	if goja.IsString(v) {
		return v.String()
	}
	return rt.inspect(v)
}
