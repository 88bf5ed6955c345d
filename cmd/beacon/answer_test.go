package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseAnswers_EachForm_IsParsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "answer.json")
	if err := os.WriteFile(file, []byte(`{"of":"a file"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"/x=200":                                 `200 "" ""`,
		"/x=204":                                 `204 "" ""`,
		"/x=202 ok":                              `202 "text/plain;charset=UTF-8" "ok"`,
		"/x=200 1":                               `200 "application/json" "1"`,
		`/x=200 {"a": "b=c/d"}`:                  `200 "application/json" "{\"a\": \"b=c/d\"}"`,
		"/x=200 text/html <p>a b</p>":            `200 "text/html" "<p>a b</p>"`,
		"/x=200 text/plain;charset=ISO-8859-1":   `200 "text/plain;charset=ISO-8859-1" ""`,
		"/x=201 application/vnd.x+json @" + file: `201 "application/vnd.x+json" "{\"of\":\"a file\"}"`,
		"/x=200 @" + file:                        `200 "application/json" "{\"of\":\"a file\"}"`,
		"/x=PostHog":                             `200 "application/json" "{\"status\":1}"`,
		"/x=honeybadger":                         `201 "application/json" "{\"id\":\"1\"}"`,
		"/x=amplitude":                           `200 "application/json" "{\"code\":200}"`,
		"/x = countly":                           `200 "application/json" "{\"result\":\"Success\"}"`,
		"/v1/*=openpanel":                        "",
	} {
		answer, err := parseAnswers([]string{text, "/*=200 other"})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		a, ok := answer("/x")
		if got := fmt.Sprintf("%d %q %q", a.Status, a.ContentType, a.Body); !ok || want != "" && got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		if a, _ := answer("/other"); string(a.Body) != "other" {
			t.Errorf("%s: /other gets %q", text, a.Body)
		}
	}
}

func TestParseAnswers_Wrong_SaysWhatToWrite(t *testing.T) {
	for text, says := range map[string]string{
		"/x": "STREAM=STATUS", "x=200": "such as /events", "/-/x=200": "such as /events", "/x=nobody": "posthog", "/x=": "posthog",
		"/x=404": "200 to 299", "/x=200 text/plain; charset=utf-8 OK": "without", "/x=204 body": "use 200", "/x=200 @/no/such/file": "no such file", "/x=200 " + strings.Repeat("x", maxAnswer+1): "are the most",
	} {
		if _, err := parseAnswers([]string{text}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20s: got %v, want %q", text, err, says)
		}
	}
}

func TestSenderAnswers_Each_IsSuccessInJSONOrAScript(t *testing.T) {
	for name, a := range senderAnswers {
		if a.ContentType == "text/javascript" {
			a.Body = []byte("{}")
		}
		if b, err := parseAnswer(fmt.Sprintf("%d %s", a.Status, a.Body)); err != nil || b.ContentType != "application/json" || name != strings.ToLower(name) {
			t.Errorf("%s: %v %v", name, b, err)
		}
	}
}
