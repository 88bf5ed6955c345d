package js_test

import (
	"testing"

	"github.com/seed-d051cf5a/beacon/page/internal/js"
)

// language has expressions of ECMAScript with their values, where goja has no value or another one.
var language = []struct{ name, source, want string }{
	{"a function in a block is hoisted (B.3.3)", "(() => { if (true) { function f() { return 1 } } return f() })()", "1"},
	{"and in the global scope", "typeof hoisted; { function hoisted() {} } typeof hoisted", "function"},
	{"properties of Unicode", `/^\p{L}+$/u.test("éДλ")`, "true"},
	{"flag d", `/(?<w>b+)/d.exec("abb").indices.groups.w.join()`, "1,3"},
	{"flag v", `/^[\p{L}--[a-z]]$/v.test("É") && !/^[\p{L}--[a-z]]$/v.test("e")`, "true"},
	{"flag s and lookbehind", `/(?<=a).b/s.test("a\nb")`, "true"},
	{"modifiers of a regular expression", `/a(?i:b)/.test("aB")`, "true"},
	{"RegExp.escape", `RegExp.escape("a.b")`, `\x61\.b`},
	{"WeakRef", "new WeakRef(globalThis).deref() === globalThis", "true"},
	{"FinalizationRegistry", "typeof new FinalizationRegistry(() => {}).register", "function"},
	{"for await", "(async () => { for await (const x of (async function* () { yield 1 })()); })() instanceof Promise", "true"},
	{"resizable buffers", "const rb = new ArrayBuffer(1, { maxByteLength: 8 }); rb.resize(8); rb.byteLength", "8"},
	{"transfer", "new ArrayBuffer(4).transfer(8).byteLength", "8"},
	{"isWellFormed", `"\ud800".isWellFormed() + "\ud800".toWellFormed()`, "false\ufffd"},
	{"Object.groupBy", "Object.groupBy([1, 2, 3], x => x % 2 ? 'odd' : 'even').odd.join()", "1,3"},
	{"Map.groupBy", "Map.groupBy([1, 2], x => x).size", "2"},
	{"Promise.withResolvers", "typeof Promise.withResolvers().resolve", "function"},
	{"Promise.try", "Promise.try(() => 1) instanceof Promise", "true"},
	{"toGMTString", "new Date(0).toGMTString()", "Thu, 01 Jan 1970 00:00:00 GMT"},
	{"Array.fromAsync", "Array.fromAsync([]) instanceof Promise", "true"},
	{"methods of iterators", "[1, 2].values().map(x => x * 2).toArray().join()", "2,4"},
	{"methods of sets", "[...new Set([1, 2]).union(new Set([3]))].join()", "1,2,3"},
	{"toSorted, with and findLast", "[3, 1].toSorted().with(0, 9).findLast(x => x) + [3].at(-1)", "6"},
	{"class fields and static blocks", "class C { #a = 1; static { this.b = 2 } has(o) { return #a in o } } new C().has(new C()) + C.b", "3"},
	{"top-level using of logical assignment", "let la = null; la ??= 5; la ||= 6; la &&= 7", "7"},
	{"Error.cause", "new Error('a', { cause: 1 }).cause", "1"},
	{"AggregateError", "new AggregateError([1]).errors.length", "1"},
	{"BigInt", "(2n ** 64n).toString(16)", "10000000000000000"},
	{"Float16Array", "new Float16Array([1.5])[0]", "1.5"},
	{"Math.sumPrecise", "Math.sumPrecise([0.1, 0.2, 0.3])", "0.6"},
	{"Uint8Array.fromBase64", "new Uint8Array([1, 2]).toBase64() + new Uint8Array([255]).toHex()", "AQI=ff"},
	{"JSON.rawJSON", "JSON.stringify({ a: JSON.rawJSON('1.10') })", `{"a":1.10}`},
	{"Atomics.waitAsync", "typeof Atomics.waitAsync", "function"},
	{"labels, with and octal numbers", "with ({ wx: 010 }) lab: { wx }", "8"},
	{"HTML comments", "<!-- comment\n1\n--> comment", "1"},
	{"String.raw and tagged templates", "String.raw`a\\n${1}`", `a\n1`},
	{"Intl", "typeof Intl", "object"},
	{"numbers of en-US", "(1234.5).toLocaleString('en-US')", "1,234.5"},
	{"a date of en-US", "new Date(0).toLocaleDateString('en-US', { timeZone: 'UTC' })", "1/1/1970"},
	{"localeCompare", `["ä", "a", "z"].sort((x, y) => x.localeCompare(y)).join("")`, "aäz"},
	{"normalize", `"\u0041\u030a".normalize("NFC") === "\u00c5"`, "true"},
	{"ShadowRealm is absent", "typeof ShadowRealm", "undefined"},
	{"Temporal", "typeof Temporal", "object"},
}

// missing are the expressions above that this engine does not have.
var missing = map[string]bool{
	"Array.fromAsync": true, "Atomics.waitAsync": true, "Intl": true, "numbers of en-US": true, "a date of en-US": true, "localeCompare": true, "Temporal": true,
}

func TestLanguage_WhatScriptsRelyOn_IsThere(t *testing.T) {
	for _, c := range language {
		t.Run(c.name, func(t *testing.T) {
			var got string
			vm := open(t, js.Config{})
			err := vm.Do(func() error {
				v, err := vm.RunSource("test.js", c.source, js.Script)
				if err == nil {
					got, err = vm.ToString(v)
				}
				return err
			})
			if (err != nil || got != c.want) != missing[c.name] {
				t.Errorf("%s: got %q, %v, want %q (missing: %v)", c.source, got, err, c.want, missing[c.name])
			}
		})
	}
}
