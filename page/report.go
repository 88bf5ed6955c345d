package page

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dop251/goja"
)

// A rejection is a promise that was rejected and that nobody has looked at.
type rejection struct {
	promise *goja.Promise
	object  goja.Value
}

// fail keeps the first error for Wait.
func (p *Page) fail(err error) {
	if p.uncaught == nil {
		p.uncaught = err
	}
}

// report is HTML, "report an exception", where no caller is to be told.
func (rt *realm) report(ex *goja.Exception) {
	if rt.page != nil {
		rt.page.report(ex)
	}
}

func (p *Page) report(ex *goja.Exception) {
	if err := p.reportError(ex); err != nil {
		p.fail(err)
	}
}

// reportError reports the error of a script and returns it, or nil if the page handled it.
func (p *Page) reportError(err error) error {
	var ex *goja.Exception
	if !errors.As(err, &ex) {
		if e := ended(err); e != nil {
			err = e
		}
		p.console("error", err.Error())
		return err
	}
	message := strings.Replace(p.realm.describe(ex.Value()), "SyntaxError: SyntaxError: ", "SyntaxError: ", 1)
	if !p.reporting {
		p.reporting = true
		defer func() { p.reporting = false }()
		e := p.realm.newTrusted("ErrorEvent", "error", p.errorMembers(ex, message))
		e.cancelable = true
		if !p.window.dispatch(p.realm, e) {
			return nil
		}
	}
	err = &UncaughtError{Message: message + trace(ex.Stack()), Value: ex.Value()}
	p.console("error", err.Error())
	return err
}

func (p *Page) errorMembers(ex *goja.Exception, message string) map[string]goja.Value {
	rt := p.realm
	m := map[string]goja.Value{
		"message": rt.value("Uncaught " + message), "filename": rt.value(""), "lineno": rt.value(0), "colno": rt.value(0), "error": ex.Value(),
	}
	for _, f := range ex.Stack() {
		if at := f.Position(); at.Line > 0 {
			m["filename"], m["lineno"], m["colno"] = rt.value(at.Filename), rt.value(at.Line), rt.value(at.Column)
			break
		}
	}
	return m
}

// An UncaughtError is an exception or a rejection that no script handled. It is printed
// as a browser's console does, with the places of its stack.
type UncaughtError struct {
	Message string
	// Value is what was thrown. It is the page's goroutine's alone.
	Value goja.Value
}

func (e *UncaughtError) Error() string { return "Uncaught " + e.Message }

// track is ECMAScript, "HostPromiseRejectionTracker".
func (p *Page) track(promise *goja.Promise, operation goja.PromiseRejectionOperation) {
	if operation == goja.PromiseRejectionReject {
		p.rejected = append(p.rejected, rejection{promise, p.realm.r.ToValue(promise)})
		return
	}
	for n, r := range p.rejected {
		if r.promise == promise {
			p.rejected = append(p.rejected[:n:n], p.rejected[n+1:]...)
			return
		}
	}
}

// notifyRejections is HTML, "notify about rejected promises".
func (p *Page) notifyRejections(run func(func())) {
	for len(p.rejected) > 0 {
		r := p.rejected[0]
		p.rejected = p.rejected[1:]
		run(func() {
			e := p.realm.newTrusted("PromiseRejectionEvent", "unhandledrejection", map[string]goja.Value{"promise": r.object, "reason": r.promise.Result()})
			e.cancelable = true
			if p.window.dispatch(p.realm, e) {
				err := &UncaughtError{Message: "(in promise) " + p.realm.describe(r.promise.Result()), Value: r.promise.Result()}
				p.console("error", err.Error())
				p.fail(err)
			}
			p.realm.checkpoint()
		})
	}
}

func (p *Page) console(level, message string) {
	if p.options.Console != nil {
		p.options.Console(level, message)
	}
}

// describe is a thrown value in one line.
func (rt *realm) describe(v goja.Value) (s string) {
	o, ok := v.(*goja.Object)
	if !ok {
		return rt.show(v)
	}
	if rt.try(func() { s = o.String() }) != nil {
		s = o.ClassName() // its toString throws
	}
	return s
}

// trace is the innermost places of a stack.
func trace(frames []goja.StackFrame) string {
	var b strings.Builder
	for _, f := range frames[:min(10, len(frames))] {
		if at := f.Position(); at.Line > 0 {
			fmt.Fprintf(&b, "\n    at %s (%s:%d:%d)", f.FuncName(), at.Filename, at.Line, at.Column)
		}
	}
	return b.String()
}

// at is the place where a script was, for a message.
func at(frames []goja.StackFrame) string {
	for _, f := range frames {
		if at := f.Position(); at.Line > 0 {
			return fmt.Sprintf(" at %s:%d", at.Filename, at.Line)
		}
	}
	return ""
}
