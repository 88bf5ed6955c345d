package page

import (
	"bytes"
	"errors"
	"regexp"
	"runtime"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/page/internal/js"
)

// host returns the object with the functions of Go that the files of platform use.
func (q *quick) host() (js.Value, error) {
	vm, o := q.vm, q.vm.Object()
	for name, f := range map[string]js.Func{
		"send": q.send, "parseURL": q.parseURL, "changeURL": q.changeURL, "parseForm": q.parseForm, "encodeForm": q.encodeForm,
		"multipart": q.multipart, "concat": q.concat, "part": q.part, "printable": q.printable, "decode": q.decode,
		"encodeInto": q.encodeInto, "newDecoder": q.newDecoder, "decodeWith": q.decodeWith, "kind": q.kind, "detached": q.detached,
		"now": q.now, "setTimer": q.setTimer, "clearTimer": q.clearTimer, "evaluate": q.evaluate, "report": q.report, "describe": q.describe,
		"isToken": q.isToken, "isByteString": q.isByteString, "trimHeader": q.trimHeader,
	} {
		if err := vm.Set(o, name, vm.Func(0, f)); err != nil {
			return o, err
		}
	}
	for name, v := range map[string]js.Value{
		"agent": vm.String(q.agent()), "platform": vm.String(runtime.GOOS), "cores": js.Number(float64(runtime.NumCPU())),
		"cookies": js.Bool(q.page.nav.Page.Jar != nil),
	} {
		if err := vm.Set(o, name, v); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (q *quick) agent() string {
	if a := q.page.nav.UserAgent; a != "" {
		return a
	}
	return defaultAgent
}

// argument returns the argument, or undefined.
func argument(args []js.Value, n int) js.Value {
	if n < len(args) {
		return args[n]
	}
	return js.Undefined
}

// text returns a string argument as a USVString: surrogates without a pair are U+FFFD.
func (q *quick) text(args []js.Value, n int) string {
	s, _ := q.vm.ToString(argument(args, n))
	if utf8.ValidString(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == 0xed && i+2 < len(s) && s[i+1] >= 0xa0 {
			b = append(b, "\uFFFD"...)
			i += 2
		} else {
			b = append(b, s[i])
		}
	}
	return string(b)
}

func (q *quick) data(args []js.Value, n int) []byte {
	b, _ := q.vm.Bytes(argument(args, n))
	return b
}

// send queues a beacon: url, body, its type, and whether the body is an urlencoded form.
func (q *quick) send(_ js.Value, args []js.Value) (js.Value, error) {
	var body any
	size := 0
	switch v := argument(args, 1); {
	case v.IsString():
		s := q.text(args, 1)
		body, size = s, len(s)
		if argument(args, 3).Bool() {
			body = beacon.URLEncoded(s)
		}
	case v.IsObject():
		b := bytes.Clone(q.data(args, 1))
		body, size = b, len(b)
		if kind := argument(args, 2); !kind.IsUndefined() {
			body = beacon.Blob{Data: b, Type: q.text(args, 2)}
		}
	}
	at := q.text(args, 0)
	queued, err := q.beacon(at, body)
	if e := (*beacon.TypeError)(nil); errors.As(err, &e) {
		return js.Undefined, &js.Error{Class: "TypeError", Message: "Failed to execute 'sendBeacon' on 'Navigator': " + e.Reason}
	}
	if q.page.options.Sent != nil {
		q.page.options.Sent(at, size, queued)
	}
	return js.Bool(queued), nil
}

// array returns an Array of the values.
func (q *quick) array(values ...js.Value) (js.Value, error) { return q.vm.Array(values...), nil }

func (q *quick) now(js.Value, []js.Value) (js.Value, error) {
	return js.Number(float64(time.Now().UnixMilli())), nil
}

// setTimer returns the id of a timer: function, milliseconds, whether it repeats.
func (q *quick) setTimer(_ js.Value, args []js.Value) (js.Value, error) {
	f, wait, repeats := q.vm.Keep(args[0]), time.Duration(args[1].Number())*time.Millisecond, args[2].Bool()
	q.last++
	id := q.last
	var run func()
	run = func() {
		err := q.script(q.page.alive, func() error { _, err := q.vm.Call(f, js.Undefined); return err })
		if err != nil {
			q.fail(err)
		}
		if repeats && q.timers[id] != nil {
			q.timers[id] = q.page.loop.after(max(wait, 4*time.Millisecond), true, run)
		} else {
			delete(q.timers, id)
			q.vm.Release(f)
		}
	}
	q.timers[id] = q.page.loop.after(wait, true, run)
	return js.Number(float64(id)), nil
}

func (q *quick) clearTimer(_ js.Value, args []js.Value) (js.Value, error) {
	id := int(args[0].Number())
	if t := q.timers[id]; t != nil {
		delete(q.timers, id)
		q.page.loop.stop(t)
	}
	return js.Undefined, nil
}

func (q *quick) evaluate(_ js.Value, args []js.Value) (js.Value, error) {
	return q.vm.RunSource("timer", q.text(args, 0), js.Script)
}

func (q *quick) report(_ js.Value, args []js.Value) (js.Value, error) {
	q.fail(q.vm.NewException(argument(args, 0)))
	return js.Undefined, nil
}

// describe returns the message, the file, the line and the column of an exception.
func (q *quick) describe(_ js.Value, args []js.Value) (js.Value, error) {
	e := q.vm.NewException(argument(args, 0))
	file, line, column := "", 0, 0
	if m := place.FindStringSubmatch(e.Stack); m != nil {
		file = m[1]
		line, _ = strconv.Atoi(m[2])
		column, _ = strconv.Atoi(m[3])
	}
	return q.array(q.vm.String("Uncaught "+e.Message), q.vm.String(file), js.Number(float64(line)), js.Number(float64(column)))
}

// place matches a line of a stack.
var place = regexp.MustCompile(`\(([^()\s]+):(\d+):(\d+)\)`)
