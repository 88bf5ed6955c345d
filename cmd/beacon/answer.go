package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-d051cf5a/beacon/collect"
)

// senderAnswers are the answers that senders wait for, by the name of the sender. Without it they repeat a beacon, stop
// or report an error.
var senderAnswers = map[string]collect.Answer{
	"ackee":       jsonAnswer(200, `{"data":{"createRecord":{"payload":{"id":"1"}},"createAction":{"payload":{"id":"1"}}}}`),
	"airbrake":    jsonAnswer(200, `{}`),
	"amplitude":   jsonAnswer(200, `{"code":200}`),
	"braze":       jsonAnswer(200, `{}`),
	"bugsnag":     jsonAnswer(200, `{}`),
	"clevertap":   {Status: http.StatusOK, ContentType: "text/javascript", Body: []byte(cleverTapScript)},
	"countly":     jsonAnswer(200, `{"result":"Success"}`),
	"customerio":  jsonAnswer(200, `{}`),
	"honeybadger": jsonAnswer(201, `{"id":"1"}`),
	"jitsu":       jsonAnswer(200, `{}`),
	"keen":        jsonAnswer(200, `{}`),
	"mixpanel":    jsonAnswer(200, `1`),
	// For libraries that ask for it with verbose=1.
	"mixpanel-verbose": jsonAnswer(200, `{"status":1}`),
	"mparticle":        jsonAnswer(200, `{"mpid":"1"}`),
	"newrelic":         jsonAnswer(200, `{"app":{"nrServerTime":1},"err":1,"ins":1,"log":3,"logapi":3,"spa":1,"sr":0,"srs":0,"st":0,"sts":0}`),
	"openpanel":        jsonAnswer(200, `{}`),
	"openreplay":       jsonAnswer(200, `{"token":"1","userUUID":"1","sessionID":"1","projectID":"1","delay":0}`),
	"posthog":          jsonAnswer(200, `{"status":1}`),
	"rollbar":          jsonAnswer(200, `{}`),
	"rudderstack":      jsonAnswer(200, `{}`),
}

// cleverTapScript confirms the request whose script element it is the answer to. It gives a visitor and a session an id.
const cleverTapScript = `(q=>$WZRK_WR.s(q.get("gc")||crypto.randomUUID(),+(q.get("s")||q.get("i")),false,+q.get("rn")))(new URL(document.currentScript.src).searchParams)`

func jsonAnswer(status int, body string) collect.Answer {
	return collect.Answer{Status: status, ContentType: "application/json", Body: []byte(body)}
}

// parseAnswers parses the values of --answer. The first whose pattern matches a stream is its answer.
func parseAnswers(texts []string) (func(stream string) (collect.Answer, bool), error) {
	if len(texts) == 0 {
		return nil, nil
	}
	type rule struct {
		matches func(string) bool
		answer  collect.Answer
	}
	var rules []rule
	for _, text := range texts {
		stream, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--answer %q: write STREAM=SENDER, such as /e/=posthog, or STREAM=STATUS [CONTENT-TYPE] [BODY or @FILE]", text)
		}
		matches, err := collect.Paths(strings.TrimSpace(stream))
		if err != nil {
			return nil, fmt.Errorf("--answer %w", err)
		}
		a, err := parseAnswer(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("--answer %q: %w", text, err)
		}
		rules = append(rules, rule{matches, a})
	}
	return func(stream string) (collect.Answer, bool) {
		for i := range rules {
			if rules[i].matches(stream) {
				return rules[i].answer, true
			}
		}
		return collect.Answer{}, false
	}, nil
}

// maxAnswer is the largest body of an answer, in bytes.
const maxAnswer = 64 << 10

// parseAnswer parses SENDER or STATUS [CONTENT-TYPE] [BODY or @FILE].
func parseAnswer(text string) (a collect.Answer, err error) {
	if a, ok := senderAnswers[strings.ToLower(text)]; ok {
		return a, nil
	}
	status, rest, _ := strings.Cut(text, " ")
	if a.Status, err = strconv.Atoi(status); err != nil {
		return a, fmt.Errorf("%q is neither a status nor a sender: write 200 to 299, or one of %s", status, strings.Join(slices.Sorted(maps.Keys(senderAnswers)), ", "))
	}
	if a.Status < 200 || a.Status > 299 {
		return a, fmt.Errorf("the status is %d: it is 200 to 299, because the beacon is stored", a.Status)
	}
	rest = strings.TrimSpace(rest)
	word, after, _ := strings.Cut(rest, " ")
	if strings.HasSuffix(word, ";") && isMediaType(strings.TrimSuffix(word, ";")) {
		return a, fmt.Errorf("the type %s goes on after a space: write it without, such as text/plain;charset=utf-8", word)
	}
	if isMediaType(word) {
		a.ContentType, rest = word, strings.TrimSpace(after)
	}
	a.Body = []byte(rest)
	if file, ok := strings.CutPrefix(rest, "@"); ok {
		if a.Body, err = os.ReadFile(file); err != nil {
			return a, err
		}
	}
	switch {
	case len(a.Body) > maxAnswer:
		return a, fmt.Errorf("its body has %d bytes: %d are the most", len(a.Body), maxAnswer)
	case len(a.Body) > 0 && (a.Status == http.StatusNoContent || a.Status == http.StatusResetContent):
		return a, errors.New("an answer of 204 or 205 has no body: use 200")
	case a.ContentType != "" || len(a.Body) == 0:
	case json.Valid(a.Body):
		a.ContentType = "application/json"
	default:
		a.ContentType = "text/plain;charset=UTF-8"
	}
	return a, nil
}

// isMediaType reports whether a word is a media type, such as text/plain;charset=UTF-8. A body such as </a> is not.
func isMediaType(word string) bool {
	t, _, err := mime.ParseMediaType(word)
	kind, sub, ok := strings.Cut(t, "/")
	return err == nil && ok && kind != "" && sub != ""
}
