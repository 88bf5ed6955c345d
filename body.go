package beacon

import (
	"io"
	"net/url"
	"reflect"
	"unicode/utf8"
)

// ExtractBody returns the bytes and the Content-Type, which may be "", of data that [Sender.Send] takes (Fetch,
// "extract a body"). The bytes may be those of data. The error is a [*TypeError].
func ExtractBody(data any) (body []byte, contentType string, err error) {
	switch v := data.(type) {
	case nil:
		return nil, "", nil
	case string:
		return scalarValues(v), "text/plain;charset=UTF-8", nil
	case []byte:
		return v, "", nil
	case Blob:
		return v.Data, v.contentType(), v.err
	case *Blob:
		if v == nil {
			return nil, "", nil
		}
		return v.Data, v.contentType(), v.err
	case FormData:
		return v.encode()
	case *FormData:
		if v == nil {
			return nil, "", nil
		}
		return v.encode()
	case URLEncoded:
		return scalarValues(string(v)), "application/x-www-form-urlencoded;charset=UTF-8", nil
	case url.Values:
		return urlEncode(v), "application/x-www-form-urlencoded;charset=UTF-8", nil
	case io.Reader:
		return nil, "", typeErrorf("%T is a stream, and its end may come after the page is gone: read it with io.ReadAll and send the bytes", data)
	}
	v := reflect.ValueOf(data)
	switch v.Kind() {
	case reflect.String:
		return scalarValues(v.String()), "text/plain;charset=UTF-8", nil
	case reflect.Slice, reflect.Array:
		if b, ok := typedArray(v); ok {
			return b, "", nil
		}
	}
	return nil, "", typeErrorf("data of type %T can't be sent: use beacon.JSON(v) for a value, or convert it to a string, []byte, beacon.Blob, beacon.FormData or url.Values", data)
}

// scalarValues converts to a USVString and encodes it in UTF-8. Each byte that is not part of a character
// becomes U+FFFD, as when Go iterates over a string.
func scalarValues(s string) []byte {
	if utf8.ValidString(s) {
		return []byte(s)
	}
	b := make([]byte, 0, len(s)+16)
	for _, r := range s {
		b = utf8.AppendRune(b, r)
	}
	return b
}
