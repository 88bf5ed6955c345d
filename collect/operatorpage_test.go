package collect_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
)

func TestOperatorPage_EachCauseAndCredential_OnlyPeopleWhoHaveLoggedInSeeIt(t *testing.T) {
	c := operators(t, collect.Options{Token: token})
	cookie, _, _ := strings.Cut(logIn(t, c)[0].String(), ";")
	page := c.OperatorPage("page", 1, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for _, cause := range causes {
		for name, credential := range map[string]struct {
			header []string
			valid  bool
		}{
			"nothing":        {nil, false},
			"the token":      {[]string{"Authorization", "Bearer " + token}, true},
			"the cookie":     {[]string{"Cookie", cookie}, true},
			"another cookie": {[]string{"Cookie", "beacon-operator=x"}, false},
		} {
			res := send(t, page, "GET", "/?from=30d", "", append(credential.header, cause.header...)...)
			want, location := http.StatusSeeOther, "/-/login?to=%2F%3Ffrom%3D30d"
			switch {
			case cause.by == byForeign:
				location = "/-/login"
			case credential.valid:
				want, location = http.StatusOK, ""
			}
			if res.StatusCode != want || res.Header.Get("Location") != location {
				t.Errorf("by %s with %s: %s to %q, want %d to %q", cause.name, name, res.Status, res.Header.Get("Location"), want, location)
			}
			wantAdminHeaders(t, cause.name, res)
		}
	}
}

func TestOperatorPage_POSTOrNoToken_IsRefused(t *testing.T) {
	shown := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	c := operators(t, collect.Options{Token: token})
	cookie, _, _ := strings.Cut(logIn(t, c)[0].String(), ";")
	if res := send(t, c.OperatorPage("page", 1, shown), "POST", "/", "", "Cookie", cookie); res.StatusCode == http.StatusOK {
		t.Error("a POST with the cookie was let through")
	}
	if res := send(t, operators(t, collect.Options{}).OperatorPage("page", 1, shown), "GET", "/", ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("without a token: %s", res.Status)
	}
}
