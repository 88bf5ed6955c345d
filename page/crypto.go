package page

import (
	"crypto/rand"
	"slices"

	"github.com/dop251/goja"
	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

var integerViews = []string{"Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array",
	"BigInt64Array", "BigUint64Array"}

// defineCrypto is Web Cryptography, "Crypto interface", without the cryptography.
func (rt *realm) defineCrypto() {
	type crypto struct{}
	i := rt.define("Crypto", "", 0, nil)
	method(i, "getRandomValues", 1, func(_ *crypto, c call) any {
		o, ok := c.arg(0).(*goja.Object)
		if !ok {
			panic(c.fail("parameter 1 is not of type 'ArrayBufferView'."))
		}
		b, ok := rt.bufferSource(o)
		kind := rt.viewTag(o)
		if !ok || !slices.Contains(integerViews, kind.String()) {
			panic(rt.domError("TypeMismatchError", "Failed to %s: The provided value is no array of integers", c.what))
		}
		if len(b) > 65536 {
			panic(rt.quotaError(65536, len(b), "Failed to "+c.what+": it fills 65536 bytes at most"))
		}
		rand.Read(b)
		return o
	})
	if weburl.Trustworthy(rt.page.address) {
		method(i, "randomUUID", 0, func(*crypto, call) any { return uuid.NewString() })
	}
	o := rt.make("Crypto", &crypto{})
	attributeOn(rt.ifaces["Window"], rt.r.GlobalObject(), "crypto", func(*window) any { return o }, nil)
}
