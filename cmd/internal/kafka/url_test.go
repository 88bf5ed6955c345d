package kafka

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseURL_Valid_GivesOptions(t *testing.T) {
	for text, want := range map[string]string{
		"kafka://b1,b2:9093,b3/topic":                     `[b1:9092 b2:9093 b3:9092] topic "" false`,
		"kafkas://b1/a.b_c-1":                             `[b1:9092] a.b_c-1 "" true`,
		"KAFKA://b1/t/":                                   `[b1:9092] t "" false`,
		"kafka://user@b1,b2/t":                            `[b1:9092 b2:9092] t "user" false`,
		"kafkas://a%40b%3Ac@b1/t":                         `[b1:9092] t "a@b:c" true`,
		"kafka://[::1],[2001:db8::1]:9093,127.0.0.1:19/t": `[[::1]:9092 [2001:db8::1]:9093 127.0.0.1:19] t "" false`,
	} {
		o, err := ParseURL(text)
		if got := fmt.Sprintf("%v %s %q %v", o.Brokers, o.Topic, o.User, o.TLS); err != nil || got != want {
			t.Errorf("%s: %s, error %v, want %s", text, got, err, want)
		}
	}
}

func TestParseURL_Invalid_SaysHowToWriteIt(t *testing.T) {
	for text, want := range map[string]string{
		"b1:9092/topic":               "write it as kafka://broker1,broker2/topic",
		"http://b1/topic":             "is not the URL of a Kafka topic",
		"kafka://b1":                  "the name of the topic is missing",
		"kafka://b1/":                 "the name of the topic is missing",
		"kafka:///topic":              "a broker is missing",
		"kafka://b1,,b2/topic":        "a broker is missing",
		"kafka://b1, b2/topic":        `broker " b2" can't be read`,
		"kafka://b1:x/topic":          `broker "b1:x" can't be read`,
		"kafka://b1:0/topic":          `broker "b1:0" can't be read`,
		"kafka://b1:70000/topic":      `broker "b1:70000" can't be read`,
		"kafka://::1/topic":           "write it in brackets, such as [::1]:9092",
		"kafka://b1/a/b":              `topic "a/b"`,
		"kafka://b1/..":               `topic ".."`,
		"kafka://b1/topic?acks=1":     "has a query",
		"kafka://@b1/topic":           "a user that can't be read",
		"kafka://user:secret@b1/t":    "--log-password-file",
		"kafkas://user:p@ss@b1/topic": "--log-password-file",
	} {
		_, err := ParseURL(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want one with %q and without the password", text, err, want)
		}
	}
}
