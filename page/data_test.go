package page_test

import "testing"

func TestBlobAndFile_Scripts_FollowFileAPI(t *testing.T) {
	bothHold(t, []rule{
		{"are made with new alone", `throws(TypeError, () => Blob()); throws(TypeError, () => File(["a"], "b")); throws(TypeError, () => Blob.call(new Blob))`},
		{"have the properties of an interface", `
			equal(Blob.length, 0); equal(File.length, 2); equal(Blob.name, "Blob")
			equal(Object.prototype.toString.call(new Blob), "[object Blob]"); equal(String(new File([], "x")), "[object File]")
			const d = Object.getOwnPropertyDescriptor(Blob.prototype, "size")
			list([d.enumerable, d.configurable, d.set === undefined, d.get.name], [true, true, true, "get size"])
			equal(Object.getOwnPropertyDescriptor(Blob, "prototype").writable, false)
			const g = Object.getOwnPropertyDescriptor(globalThis, "Blob"); list([g.enumerable, g.writable, g.configurable], [false, true, true])
			equal(Object.getPrototypeOf(File), Blob); equal(new File([], "n") instanceof Blob, true)
			equal(Object.getOwnPropertyNames(new Blob).length + Object.getOwnPropertySymbols(new Blob).length, 0)`},
		{"check their brand", `
			const size = Object.getOwnPropertyDescriptor(Blob.prototype, "size").get
			for (const o of [{}, Blob.prototype, new FormData, new Proxy(new Blob, {}), Object.create(new Blob), undefined]) throws(TypeError, () => size.call(o))
			throws(TypeError, () => Object.getOwnPropertyDescriptor(File.prototype, "name").get.call(new Blob))
			await rejects(TypeError, Blob.prototype.text.call({}))`},
		{"are made of parts", `
			equal(await new Blob(["a", new Blob(["b"]), new Uint8Array([99]), new Uint8Array([100]).buffer, 1, null, {}]).text(), "abcd1null[object Object]")
			equal(await new Blob("abc".split("").values ? new Set(["x", "y"]) : []).text(), "xy")
			equal(new Blob(["\uD800"]).size, 3); equal(new Blob(undefined).size, 0)
			for (const bad of [null, "abc", 1, {}]) throws(TypeError, () => new Blob(bad))`},
		{"convert in the order of WebIDL", `
			const order = [], say = s => ({toString() { order.push(s); return s }})
			new Blob([say("part")], {get type() { order.push("type"); return "" }, get endings() { order.push("endings"); return "native" }})
			list(order, ["part", "endings", "type"])
			throws(TypeError, () => new Blob([], {endings: "unix"})); throws(TypeError, () => new Blob([], 1))
			const mine = {}; try { new Blob([{toString() { throw mine }}]) } catch (e) { equal(e, mine) }`},
		{"keep a type in lower case, or none", `
			equal(new Blob([], {type: "TEXT/Plain;A=B"}).type, "text/plain;a=b"); equal(new Blob([], {type: "a\u0080"}).type, ""); equal(new Blob([], {type: "a\n"}).type, ""); equal(new Blob([], {type: null}).type, "null")`},
		{"make line endings native where asked", `equal(await new Blob(["a\r\nb\rc\nd"], {endings: "native"}).text(), "a\nb\nc\nd"); equal(await new Blob(["a\r\nb"]).text(), "a\r\nb")`},
		{"are sliced", `
			const b = new Blob(["0123456789"])
			for (const [args, want] of [[[], "0123456789"], [[3], "3456789"], [[-3], "789"], [[2, 5], "234"], [[5, 2], ""], [[0, 99], "0123456789"],
				[[-99, -8], "01"], [[NaN, 2], "01"], [[1.5, 3.5], "23"], [[undefined, undefined], "0123456789"], [[null, "4"], "0123"]])
				equal(await b.slice(...args).text(), want, args)
			equal(b.slice(0, 1, "A/B").type, "a/b"); equal(b.slice().type, ""); equal(new File(["a"], "f").slice() instanceof File, false)`},
		{"give their bytes", `
			const b = new Blob(["\uFEFFhé"]); equal(await b.text(), "hé")
			list([...new Uint8Array(await b.arrayBuffer())], [239, 187, 191, 104, 195, 169]); equal((await b.bytes()).length, 6)
			const r = b.stream().getReader(); const {value, done} = await r.read(); equal(value instanceof Uint8Array && value.length, 6); equal(done, false); equal((await r.read()).done, true)`},
		{"of a file have a name and a date", `
			const f = new File(["a"], "n\uD800/m", {lastModified: 5.7, type: "X/Y"}); list([f.name, f.lastModified, f.type, f.size], ["n\uFFFD/m", 5, "x/y", 1])
			equal(Math.abs(new File([], "").lastModified - Date.now()) < 5000, true)
			throws(TypeError, () => new File([])); throws(TypeError, () => new File("a", "b"))`},
	})
}

func TestFormData_Scripts_FollowXHR(t *testing.T) {
	bothHold(t, []rule{
		{"is an ordered list", `
			const f = new FormData; f.append("a", 1); f.append("b", "2"); f.append("a", null)
			list([...f], [["a", "1"], ["b", "2"], ["a", "null"]]); equal(f.get("a"), "1"); list(f.getAll("a"), ["1", "null"]); equal(f.get("z"), null); equal(f.has("b"), true)
			f.set("a", "3"); list([...f], [["a", "3"], ["b", "2"]]); f.set("c", "4"); f.delete("a"); list([...f.keys()], ["b", "c"]); list([...f.values()], ["2", "4"])`},
		{"wants two arguments, and a Blob with three", `
			const f = new FormData; throws(TypeError, () => f.append("a")); throws(TypeError, () => f.set("a")); throws(TypeError, () => f.append("a", "b", "c")); throws(TypeError, () => f.append("a", "b", undefined))
			throws(TypeError, () => f.append(Symbol(), "b")); equal([...f].length, 0)`},
		{"makes Files of Blobs", `
			const f = new FormData, file = new File(["x"], "own", {type: "a/b", lastModified: 3}), b = new Blob(["y"], {type: "c/d"})
			f.append("1", file); f.append("2", file, "other"); f.append("3", b); f.append("4", b, "n"); f.append("5", b, undefined)
			equal(f.get("1"), file); equal(f.get("3"), f.get("3"))
			list([...f.values()].map(v => [v instanceof File, v.name, v.type, v.size]), [[true, "own", "a/b", 1], [true, "other", "a/b", 1], [true, "blob", "c/d", 1], [true, "n", "c/d", 1], [true, "blob", "c/d", 1]])
			equal(f.get("2").lastModified, 3)`},
		{"takes no form here", `throws(TypeError, () => new FormData(null)); throws(TypeError, () => new FormData({})); new FormData(undefined)`},
		{"is iterated live", `
			const f = new FormData; f.append("a", "1"); const it = f[Symbol.iterator](); it.next(); f.append("b", "2")
			list(it.next(), {value: ["b", "2"], done: false}); list(it.next(), {done: true}); f.append("c", ""); equal(it.next().done, true)
			equal(f[Symbol.iterator], f.entries); equal(String(it), "[object FormData Iterator]"); throws(TypeError, () => it.next.call({})); throws(TypeError, () => it.next.call(new URLSearchParams("a").keys()))
			equal(it[Symbol.iterator](), it); const seen = []; f.forEach(function (v, k, o) { seen.push(v, k, o === f, this.x) }, {x: 1}); list(seen.slice(0, 4), ["1", "a", true, 1])
			throws(TypeError, () => f.forEach(1))`},
	})
}

func TestURLSearchParams_Scripts_FollowURL(t *testing.T) {
	bothHold(t, []rule{
		{"is parsed and serialised", `
			for (const [from, want] of [["?a=b&c", "a=b&c="], ["a=b+c%20d", "a=b+c+d"], ["%zz=%e2%82", "%25zz=%EF%BF%BD"], ["=", "="], ["&&a&&", "a="], ["??a", "%3Fa="], ["a=\uD800", "a=%EF%BF%BD"], ["a=*-._~!'()", "a=*-._%7E%21%27%28%29"]])
				equal(new URLSearchParams(from).toString(), want, from)`},
		{"is made of pairs, records and iterables", `
			equal(String(new URLSearchParams([["a", 1], new Set(["b", "2"])])), "a=1&b=2"); equal(String(new URLSearchParams({b: 1, a: null})), "b=1&a=null")
			equal(String(new URLSearchParams(new URLSearchParams("x=y"))), "x=y"); equal(String(new URLSearchParams(null)), "null="); equal(String(new URLSearchParams(undefined)), "")
			const f = new FormData; f.append("a", "b"); equal(String(new URLSearchParams(f)), "a=b"); equal(String(new URLSearchParams({"a\uD83D": "1", "a\uFFFD": "2"})), "a%EF%BF%BD=2")
			for (const bad of [[["a"]], [["a", "b", "c"]], [1], [[Symbol(), "a"]], {[Symbol.iterator]: 1}]) throws(TypeError, () => new URLSearchParams(bad))
			const p = Object.defineProperty({a: 1}, "hidden", {value: 1}); equal(String(new URLSearchParams(p)), "a=1")`},
		{"is changed", `
			const p = new URLSearchParams("a=1&b=2&a=3"); p.append("c", "4"); p.set("a", "9"); equal(String(p), "a=9&b=2&c=4"); equal(p.size, 3)
			p.append("c", "5"); equal(p.has("c", "5"), true); equal(p.has("c", "6"), false); p.delete("c", "4"); equal(String(p), "a=9&b=2&c=5"); p.delete("c", undefined); equal(p.has("c"), false)
			equal(p.get("b"), "2"); equal(p.get("z"), null); list(p.getAll("a"), ["9"]); throws(TypeError, () => p.append("a")); throws(TypeError, () => p.get())`},
		{"is sorted by code units, and stays in order", `const p = new URLSearchParams("z=1&\uFFFD=2&\u{1F600}=3&a=4&z=0"); p.sort(); list([...p.keys()], ["a", "z", "z", "\u{1F600}", "\uFFFD"]); list(p.getAll("z"), ["1", "0"])`},
		{"and a URL are about each other", `
			const u = new URL("https://a.example/?x=1#h"); u.searchParams.append("y", "ü"); equal(u.href, "https://a.example/?x=1&y=%C3%BC#h"); u.search = "?q=2"; equal(u.searchParams.get("q"), "2"); equal(u.searchParams, u.searchParams)
			u.searchParams.delete("q"); equal(u.href, "https://a.example/#h"); u.href = "https://b.example/?z"; list([...u.searchParams], [["z", ""]])`},
	})
}

func TestURL_Scripts_FollowURL(t *testing.T) {
	bothHold(t, []rule{
		{"has its parts", `
			const u = new URL("HTTPS://user:pa%20ss@EXAMPLE.com:8080/a/../b?c#d")
			list([u.href, u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.origin],
				["https://user:pa%20ss@example.com:8080/b?c#d", "https:", "user", "pa%20ss", "example.com:8080", "example.com", "8080", "/b", "?c", "#d", "https://example.com:8080"])
			u.port = "443"; u.pathname = "x y"; u.hash = ""; equal(String(u), "https://user:pa%20ss@example.com/x%20y?c"); equal(JSON.stringify({u}), '{"u":"https://user:pa%20ss@example.com/x%20y?c"}')`},
		{"is relative to a base", `equal(new URL("../x", "https://a.example/b/c/d").href, "https://a.example/b/x"); equal(new URL("//b", new URL("http://a")).href, "http://b/")`},
		{"or is none", `throws(TypeError, () => new URL("/x")); throws(TypeError, () => new URL("x", "y")); throws(TypeError, () => new URL); throws(TypeError, () => { new URL("http://a").href = "no" }); equal(URL.canParse("no"), false); equal(URL.canParse("x", "http://a"), true); equal(URL.parse("no"), null); equal(URL.parse("http://a").href, "http://a/")`},
		{"has an origin, or an opaque one", `equal(new URL("data:x").origin, "null"); equal(new URL("blob:https://a.example/x").origin, "https://a.example"); equal(new URL("file:///x").origin, "null")`},
	})
}

func TestTextEncoding_Scripts_FollowEncoding(t *testing.T) {
	bothHold(t, []rule{
		{"encodes", `list([...new TextEncoder().encode("aé\uD800")], [97, 195, 169, 239, 191, 189]); equal(new TextEncoder().encode().length, 0); equal(new TextEncoder().encoding, "utf-8")
			const to = new Uint8Array(4); list(new TextEncoder().encodeInto("a😀é", to), {read: 1, written: 1}); list(new TextEncoder().encodeInto("éé€", to), {read: 2, written: 4}); list([...to], [195, 169, 195, 169]); throws(TypeError, () => new TextEncoder().encodeInto("a", new Int8Array(1)))`},
		{"decodes", `const d = new TextDecoder; equal(d.decode(new Uint8Array([0xef, 0xbb, 0xbf, 97])), "a"); equal(d.decode(), ""); equal(d.decode(new Uint8Array([0xe2, 0x82, 97, 0xff])), "\uFFFDa\uFFFD"); equal(d.decode(new Uint8Array([0xf0, 0x80, 0x80])), "\uFFFD\uFFFD\uFFFD")
			equal(new TextDecoder("utf-8", {ignoreBOM: true}).decode(new Uint8Array([0xef, 0xbb, 0xbf])), "\uFEFF")`},
		{"decodes streams", `const d = new TextDecoder; equal(d.decode(new Uint8Array([0xe2]), {stream: true}) + d.decode(new Uint8Array([0x82, 0xac]), {stream: true}) + d.decode(), "€"); equal(d.decode(new Uint8Array([0xe2]), {stream: true}) + d.decode(), "\uFFFD")`},
		{"is fatal where asked", `throws(TypeError, () => new TextDecoder("utf8", {fatal: true}).decode(new Uint8Array([255]))); equal(new TextDecoder("utf8", {fatal: true}).decode(new Uint8Array([97])), "a")`},
		{"knows the standard's labels", `for (const [label, name] of [["latin1", "windows-1252"], [" UTF8 ", "utf-8"], ["utf-16", "utf-16le"], ["shift_jis", "shift_jis"]]) equal(new TextDecoder(label).encoding, name)
			equal(new TextDecoder("latin1").decode(new Uint8Array([0x80])), "€"); equal(new TextDecoder("utf-16le").decode(new Uint8Array([0xac, 0x20])), "€"); throws(RangeError, () => new TextDecoder("nope"))`},
	})
}

func TestReadableStream_Scripts_FollowStreams(t *testing.T) {
	bothHold(t, []rule{
		{"is read", `
			const s = new ReadableStream({start(c) { c.enqueue(1); c.enqueue(2); c.close() }}); equal(s.locked, false); const r = s.getReader(); equal(s.locked, true)
			list([await r.read(), await r.read(), await r.read()], [{value: 1, done: false}, {value: 2, done: false}, {done: true}]); await r.closed; r.releaseLock(); equal(s.locked, false)`},
		{"is pulled as it is read", `let n = 0; const s = new ReadableStream({pull(c) { c.enqueue(n++); if (n === 3) c.close() }}, {highWaterMark: 0}); equal(n, 0); const r = s.getReader(), got = []; for (let x; !(x = await r.read()).done;) got.push(x.value); list(got, [0, 1, 2])`},
		{"has one reader", `const s = new ReadableStream; const r = s.getReader(); throws(TypeError, () => s.getReader()); await rejects(TypeError, s.cancel()); throws(TypeError, () => new ReadableStreamDefaultReader(s)); const read = r.read(); r.releaseLock(); await rejects(TypeError, read); await rejects(TypeError, r.read()); await rejects(TypeError, r.closed)`},
		{"is canceled", `let why; const s = new ReadableStream({cancel(r) { why = r }}); equal(await s.cancel("x"), undefined); equal(why, "x"); equal((await s.getReader().read()).done, true)`},
		{"fails", `const e = new Error; const s = new ReadableStream({pull() { throw e }}); try { await s.getReader().read(); throw 0 } catch (x) { equal(x, e) }
			const t = new ReadableStream({start(c) { c.error(e) }}); try { await t.cancel(); throw 0 } catch (x) { equal(x, e) }`},
		{"has a controller with pressure", `let c; new ReadableStream({start(x) { c = x }}, {highWaterMark: 5, size: x => x}); equal(c.desiredSize, 5); c.enqueue(3); equal(c.desiredSize, 2); c.close(); throws(TypeError, () => c.enqueue(1)); throws(TypeError, () => c.close()); throws(TypeError, () => new ReadableStreamDefaultController)
			throws(RangeError, () => new ReadableStream({}, {highWaterMark: -1})); throws(TypeError, () => new ReadableStream({type: "x"})); throws(TypeError, () => new ReadableStream(null))`},
	})
}
