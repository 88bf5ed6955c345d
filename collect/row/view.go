package row

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

const (
	// TimeLayout is the layout of times in JSON, which are UTC. So they sort as text.
	TimeLayout = "2006-01-02T15:04:05.000000Z07:00"
	textLength = 2 << 10 // bytes of the body that the live view shows
)

// MarshalJSON returns the row as the live view gets it. The body is text of at most 2 KiB, or null
// if it is not UTF-8; size is the size of the whole body in bytes.
func (row Row) MarshalJSON() ([]byte, error) {
	view := struct {
		ID          string          `json:"id"`
		ReceivedAt  string          `json:"received_at"`
		SentAt      *string         `json:"sent_at"`
		Stream      string          `json:"stream"`
		Query       string          `json:"query"`
		Origin      string          `json:"origin"`
		Referrer    string          `json:"referrer"`
		UserAgent   string          `json:"user_agent"`
		IP          string          `json:"ip"`
		ContentType string          `json:"content_type"`
		Kind        string          `json:"kind"`
		Size        int             `json:"size"`
		Text        *string         `json:"text"`
		Data        json.RawMessage `json:"data"`
		Error       *string         `json:"error"`
		Bot         bool            `json:"bot"`
	}{
		ID: row.ID.String(), ReceivedAt: row.ReceivedAt.UTC().Format(TimeLayout),
		Stream: row.Stream, Query: row.Query, Origin: row.Origin, Referrer: row.Referrer,
		UserAgent: row.UserAgent, IP: row.IP, ContentType: row.ContentType,
		Kind: row.Kind, Size: len(row.Body), Data: row.Data, Bot: row.BotReason != "",
	}
	if !row.SentAt.IsZero() {
		sent := row.SentAt.UTC().Format(TimeLayout)
		view.SentAt = &sent
	}
	if utf8.Valid(row.Body) {
		text := string(cut(row.Body, textLength))
		view.Text = &text
	}
	if row.Error != "" {
		view.Error = &row.Error
	}
	return marshal(view)
}

// cut shortens text to at most n bytes without splitting a character.
func cut(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// marshal returns v as JSON. It leaves <, > and & as they are, since the pages insert JSON values into
// HTML only as text.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// quote returns s as a JSON string, with U+FFFD for bytes that are not UTF-8.
func quote(s string) json.RawMessage {
	b, _ := marshal(valid(s))
	return b
}
