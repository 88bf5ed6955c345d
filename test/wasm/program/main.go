//go:build js

// The program that wasm_test.go runs in a browser. It gives its page the functions that call the package.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall/js"

	"github.com/seed-d051cf5a/beacon"
)

var configs = map[string]beacon.Config{
	"plain":    {},
	"header":   {Header: http.Header{"X-Write-Key": {"a", "ké"}}},
	"optout":   {HonorDoNotTrack: true},
	"disabled": {Disabled: true},
}

// senders are those of configs, by name.
var senders = map[string]*beacon.Sender{}

// data returns the data of a kind.
func data(kind string) any {
	switch kind {
	case "nothing":
		return nil
	case "text":
		return "\uFEFFhéllo \xff\n"
	case "bytes":
		return []byte{0, 1, 255}
	case "numbers":
		return []int16{1, -2}
	case "blob":
		return beacon.Blob{Data: []byte("a,b"), Type: "text/csv;header=absent"}
	case "json":
		return beacon.JSON(map[string]int{"a": 1})
	case "form":
		var f beacon.FormData
		f.Append("a", "1")
		f.AppendFile("f", "f.bin", beacon.Blob{Data: []byte{0, 255}})
		return f
	case "values":
		return url.Values{"b": {"é *~"}, "a": {"1", ""}}
	case "urlencoded":
		return beacon.URLEncoded("b=%7e&a") // another text than that of a URLSearchParams
	case "40 KiB":
		return make([]byte, 40<<10)
	case "64 KiB":
		return make([]byte, 64<<10)
	case "65 KiB":
		return make([]byte, 65<<10)
	}
	panic(kind)
}

// text returns the kind of an error, and its text.
func text(err error) string {
	if err == nil {
		return "nil"
	}
	for name, is := range map[string]error{
		"ErrFull": beacon.ErrFull, "ErrTooLarge": beacon.ErrTooLarge, "ErrDoNotTrack": beacon.ErrDoNotTrack,
		"ErrDisabled": beacon.ErrDisabled, "ErrClosed": beacon.ErrClosed, "ErrUnsupported": errors.ErrUnsupported,
	} {
		if errors.Is(err, is) {
			return name + ": " + err.Error()
		}
	}
	if typeError := (*beacon.TypeError)(nil); errors.As(err, &typeError) {
		return "TypeError: " + err.Error()
	}
	return "another error: " + err.Error()
}

// function gives the page a function of Go.
func function(name string, f func(args []js.Value) any) {
	js.Global().Set(name, js.FuncOf(func(_ js.Value, args []js.Value) any { return f(args) }))
}

// promise returns a Promise of the result of f, which may block.
func promise(f func() string) js.Value {
	return js.Global().Get("Promise").New(js.FuncOf(func(_ js.Value, args []js.Value) any {
		go func() { args[0].Invoke(f()) }()
		return nil
	}))
}

func main() {
	if err := beacon.Start(); err != nil {
		panic(err)
	}
	for name, config := range configs {
		s, err := beacon.Open(config)
		if err != nil {
			panic(err)
		}
		senders[name] = s
	}
	senders["plain"] = beacon.Default()

	send := func(args []js.Value) any {
		return text(senders[args[0].String()].Send(args[1].String(), data(args[2].String())))
	}
	function("send", send)
	function("sendWhenLeft", func(args []js.Value) any {
		js.Global().Call("addEventListener", "pagehide", js.FuncOf(func(js.Value, []js.Value) any { return send(args) }))
		return nil
	})
	function("flush", func(args []js.Value) any {
		return promise(func() string { return text(senders[args[0].String()].Flush(context.Background())) })
	})
	function("post", func(args []js.Value) any {
		return promise(func() string {
			client := http.Client{Transport: &beacon.Transport{}}
			r, err := http.NewRequest(http.MethodPost, args[0].String(), strings.NewReader(`{"a":1}`))
			if err != nil {
				return text(err)
			}
			r.Header.Set("Content-Type", "application/json;charset=UTF-8")
			r.Header.Set("Idempotency-Key", `"key"`)
			r.Header.Set("Accept-Encoding", "br")
			res, err := client.Do(r)
			if err != nil {
				return text(err)
			}
			res.Body.Close()
			return res.Status
		})
	})
	function("unsupported", func([]js.Value) any { return unsupported() })
	exit := make(chan struct{})
	function("exit", func([]js.Value) any { close(exit); return nil })
	js.Global().Set("ready", true)
	<-exit
}

// unsupported returns the results of what a browser has not, a line each.
func unsupported() string {
	var lines strings.Builder
	add := func(name string, err error) { fmt.Fprintf(&lines, "%s %s\n", name, text(err)) }
	_, err := beacon.Open(beacon.Config{HeaderFile: map[string]string{"X": "/token"}})
	add("HeaderFile", err)
	_, err = beacon.Open(beacon.Config{Base: http.DefaultTransport, Dir: "/outbox"})
	add("Base", err)
	_, err = beacon.Open(beacon.Config{MaxBody: 1 << 20})
	add("MaxBody", err)
	s, err := beacon.Open(beacon.Config{Dir: "/outbox", Capacity: 1, Durable: true, ReportLoss: true})
	add("Dir", err)
	_, err = s.Status()
	add("Status", err)
	for _, err := range s.Pending() {
		add("Pending", err)
	}
	add("Drop", s.Drop())
	_, err = beacon.ReadStatus("/outbox")
	add("ReadStatus", err)
	_, err = beacon.OutboxDir()
	add("OutboxDir", err)
	add("Close", s.Close())
	add("Send", s.Send("/", nil))
	return lines.String()
}
