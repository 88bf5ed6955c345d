package page

import (
	"fmt"

	"github.com/dop251/goja"
)

// A domException is the slots of a DOMException.
type domException struct {
	message, name    goja.Value
	quota, requested goja.Value // of a QuotaExceededError
}

// legacyCodes is WebIDL, "DOMException names table".
var legacyCodes = []struct {
	name, constant string
	code           int
}{
	{"IndexSizeError", "INDEX_SIZE_ERR", 1},
	{"", "DOMSTRING_SIZE_ERR", 2},
	{"HierarchyRequestError", "HIERARCHY_REQUEST_ERR", 3},
	{"WrongDocumentError", "WRONG_DOCUMENT_ERR", 4},
	{"InvalidCharacterError", "INVALID_CHARACTER_ERR", 5},
	{"", "NO_DATA_ALLOWED_ERR", 6},
	{"NoModificationAllowedError", "NO_MODIFICATION_ALLOWED_ERR", 7},
	{"NotFoundError", "NOT_FOUND_ERR", 8},
	{"NotSupportedError", "NOT_SUPPORTED_ERR", 9},
	{"InUseAttributeError", "INUSE_ATTRIBUTE_ERR", 10},
	{"InvalidStateError", "INVALID_STATE_ERR", 11},
	{"SyntaxError", "SYNTAX_ERR", 12},
	{"InvalidModificationError", "INVALID_MODIFICATION_ERR", 13},
	{"NamespaceError", "NAMESPACE_ERR", 14},
	{"InvalidAccessError", "INVALID_ACCESS_ERR", 15},
	{"", "VALIDATION_ERR", 16},
	{"TypeMismatchError", "TYPE_MISMATCH_ERR", 17},
	{"SecurityError", "SECURITY_ERR", 18},
	{"NetworkError", "NETWORK_ERR", 19},
	{"AbortError", "ABORT_ERR", 20},
	{"URLMismatchError", "URL_MISMATCH_ERR", 21},
	{"QuotaExceededError", "QUOTA_EXCEEDED_ERR", 22},
	{"TimeoutError", "TIMEOUT_ERR", 23},
	{"InvalidNodeTypeError", "INVALID_NODE_TYPE_ERR", 24},
	{"DataCloneError", "DATA_CLONE_ERR", 25},
}

// defineDOMException is WebIDL, "DOMException" and "QuotaExceededError".
func (rt *realm) defineDOMException() {
	i := rt.define("DOMException", "", 0, func(c call) any {
		e := &domException{message: rt.value(""), name: rt.value("Error")}
		if c.given(0) {
			e.message = c.dom(0)
		}
		if c.given(1) {
			e.name = c.dom(1)
		}
		return e
	})
	must(i.proto.SetPrototype(rt.errorPrototype))
	getter(i, "name", func(e *domException) any { return e.name })
	getter(i, "message", func(e *domException) any { return e.message })
	getter(i, "code", func(e *domException) any {
		for _, l := range legacyCodes {
			if l.name != "" && l.name == e.name.String() && e.quota == nil {
				return l.code
			}
		}
		return 0
	})
	for _, l := range legacyCodes {
		i.constant(l.constant, l.code)
	}
	q := rt.define("QuotaExceededError", "DOMException", 0, func(c call) any {
		e := &domException{message: rt.value(""), name: rt.value("QuotaExceededError"), quota: goja.Null(), requested: goja.Null()}
		if c.given(0) {
			e.message = c.dom(0)
		}
		options := c.dict(1)
		for _, m := range []struct {
			name string
			to   *goja.Value
		}{{"quota", &e.quota}, {"requested", &e.requested}} {
			if v := options.get(m.name); v != nil {
				n := rt.number(v)
				if n < 0 {
					panic(rt.newRangeError("Failed to construct 'QuotaExceededError': %s is negative", m.name))
				}
				*m.to = rt.value(n)
			}
		}
		return e
	})
	member := func(name string, get func(e *domException) goja.Value) {
		getter(q, name, func(e *domException) any {
			if e.quota == nil {
				panic(rt.typeError("Illegal invocation"))
			}
			return get(e)
		})
	}
	member("quota", func(e *domException) goja.Value { return e.quota })
	member("requested", func(e *domException) goja.Value { return e.requested })
}

// domError is a DOMException of that name.
func (rt *realm) domError(name, format string, args ...any) *goja.Object {
	return rt.make("DOMException", &domException{message: rt.value(fmt.Sprintf(format, args...)), name: rt.value(name)})
}

func (rt *realm) quotaError(quota, requested int, message string) *goja.Object {
	return rt.make("QuotaExceededError", &domException{rt.value(message), rt.value("QuotaExceededError"), rt.value(quota), rt.value(requested)})
}
