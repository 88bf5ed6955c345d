package collect

import (
	"net/http/httptest"
	"testing"
	"time"
)

func TestImports_Request_NeedsPathAndToken(t *testing.T) {
	c := NewForTest(Options{Token: "secret"})
	for _, x := range []struct {
		path, authorization string
		want                bool
	}{
		{"/-/import", "Bearer secret", true},
		{"/-/import", "Bearer wrong", false},
		{"/-/import", "", false},
		{"/-/login", "Bearer secret", false},
		{"/x", "Bearer secret", false},
	} {
		r := httptest.NewRequest("POST", x.path, nil)
		r.Header.Set("Authorization", x.authorization)
		if got := c.Imports(r); got != x.want {
			t.Errorf("%s with %q: got %v, want %v", x.path, x.authorization, got, x.want)
		}
	}
}

func TestCookie_Age_IsAtMostThirtyDays(t *testing.T) {
	c := NewForTest(Options{Token: "secret"})
	now := time.Now()
	for _, x := range []struct {
		value string
		want  bool
	}{
		{cookieValue("secret", now), true},
		{cookieValue("secret", now.Add(-cookieAge+time.Minute)), true},
		{cookieValue("secret", now.Add(-cookieAge-time.Minute)), false},
		{cookieValue("other", now), false},
		{"x" + cookieValue("secret", now), false},
		{"", false},
	} {
		if got := c.validCookie(x.value, now); got != x.want {
			t.Errorf("%s: got %v, want %v", x.value, got, x.want)
		}
	}
}

func TestLocal_ProxyHeader_IsAnotherMachine(t *testing.T) {
	for _, name := range []string{"", "Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip"} {
		r := httptest.NewRequest("GET", "http://127.0.0.1:8080/-/metrics", nil)
		r.RemoteAddr = "127.0.0.1:5000"
		if name != "" {
			r.Header.Set(name, "x")
		}
		if got := local(r); got != (name == "") {
			t.Errorf("%q: local is %v", name, got)
		}
	}
}
