package fetchrules

import (
	"net/http"
	"strings"
	"testing"
)

// TestWhatNeedsAPreflight is Fetch, "CORS-safelisted request-header" and what is built of it.
func TestWhatNeedsAPreflight(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		header http.Header
		want   string
	}{
		{nil, ""},
		{http.Header{"Accept": {"text/html;q=0.5, */*"}, "Accept-Language": {"de, en;q=0.5"}, "Content-Language": {"de-CH"}}, ""},
		{http.Header{"Accept": {x(128)}}, ""},
		{http.Header{"Accept": {x(129)}}, "accept"},
		{http.Header{"Accept": {"a\tb"}}, ""},
		{http.Header{"Accept": {"a:b"}}, "accept"},
		{http.Header{"Accept": {"a\x01b"}}, "accept"},
		{http.Header{"Accept": {"a\x7fb"}}, "accept"},
		{http.Header{"Accept": {"é"}}, ""},
		{http.Header{"Accept-Language": {"de_CH"}}, "accept-language"},
		{http.Header{"Content-Language": {"é"}}, "content-language"},
		{http.Header{"Content-Type": {"text/plain"}}, ""},
		{http.Header{"Content-Type": {" Text/PLAIN ; charset=x"}}, ""},
		{http.Header{"Content-Type": {"text/plain;charset=\"x\""}}, "content-type"}, // an unsafe byte
		{http.Header{"Content-Type": {"multipart/form-data; boundary=----x"}}, ""},
		{http.Header{"Content-Type": {"application/x-www-form-urlencoded;charset=UTF-8"}}, ""},
		{http.Header{"Content-Type": {"application/json"}}, "content-type"},
		{http.Header{"Content-Type": {"text/plain, application/json"}}, "content-type"},
		{http.Header{"Content-Type": {"text/plain;" + x(118)}}, "content-type"},
		{http.Header{"Content-Type": {"text/plain;" + x(117)}}, ""},
		{http.Header{"Content-Type": {"text plain"}}, "content-type"},
		{http.Header{"Content-Type": {"/plain"}}, "content-type"},
		{http.Header{"Content-Type": {""}}, "content-type"},
		{http.Header{"X-B": {"1"}, "Authorization": {"1"}, "X-A": {"1", "2"}}, "authorization,x-a,x-b"},
		{http.Header{"Range": {"bytes=0-"}}, ""},
		{http.Header{"Range": {"bytes=009-10"}}, ""},
		{http.Header{"Range": {"bytes=0-0"}}, ""},
		{http.Header{"Range": {"bytes=2-1"}}, "range"},
		{http.Header{"Range": {"bytes=-5"}}, "range"},
		{http.Header{"Range": {"bytes=1"}}, "range"},
		{http.Header{"Range": {"bytes = 1-"}}, "range"},
		{http.Header{"Range": {"bytes=1-2,4-"}}, "range"},
		// 1024 bytes of safe ones together are safe, one more is not.
		{http.Header{"Accept": {x(128), x(128), x(128), x(128), x(128), x(128), x(128), x(128)}}, ""},
		{http.Header{"Accept": {x(128), x(128), x(128), x(128), x(128), x(128), x(128), x(128)}, "Accept-Language": {"x"}}, "accept,accept-language"},
	} {
		if got := strings.Join(UnsafeNames(c.header), ","); got != c.want {
			t.Errorf("%v: %q, not %q", c.header, got, c.want)
		}
	}
}

func TestWhatGoesWithoutCORS(t *testing.T) {
	for line, want := range map[string]bool{
		"ACCEPT: */*": true, "Content-Type: text/plain": true, "Content-Language: de": true,
		"Content-Type: application/json": false, "Accept: (": false, "Range: bytes=0-": false, "X-A: 1": false,
	} {
		name, value, _ := strings.Cut(line, ": ")
		if got := IsNoCORSHeader(name, value); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}
