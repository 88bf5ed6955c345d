package fetchrules

import (
	"strings"
	"testing"
)

func TestForbiddenHeaders(t *testing.T) {
	for line, want := range map[string]bool{
		"Cookie: x": true, "hOst: x": true, "Sec-Fetch-Mode: x": true, "Proxy-Any: x": true, "Via: x": true, "Access-Control-Request-Method: x": true,
		"Access-Control-Request-Private-Network: true": true,
		"Authorization: x": false, "User-Agent: x": false, "Security: x": false, "Proxy: x": false,
		"X-HTTP-Method: PUT": false, "X-HTTP-Method: trace": true, "X-Method-Override: PUT, Connect": true,
		`X-HTTP-Method-Override: "a,TRACE"`: false, `X-HTTP-Method-Override: "a\",",TRACK`: true,
	} {
		name, value, _ := strings.Cut(line, ": ")
		if got := IsForbiddenHeader(name, value); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}
