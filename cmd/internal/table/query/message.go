package query

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// engineError is an error of DuckDB with the setting errors_as_json.
type engineError struct {
	Type     string `json:"exception_type"`
	Message  string `json:"exception_message"`
	Position string `json:"position"` // offset in bytes into the user's SQL
}

// parseEngineError parses the text of an error. Errors from outside of DuckDB, such as std::bad_alloc,
// are text without JSON.
func parseEngineError(text string) engineError {
	var e engineError
	if at := strings.IndexByte(text, '{'); at >= 0 && json.Unmarshal([]byte(text[at:]), &e) == nil && e.Type != "" {
		return e
	}
	return engineError{Message: text}
}

// kind returns the kind of failure.
func (e engineError) kind() string {
	if e.Type == "Interrupt" {
		return kindTime
	}
	// Without memory for the JSON of an error DuckDB writes an empty object.
	if e.Type == "Out of Memory" || e.Type == "" && strings.Trim(e.Message, "{} ") == "" {
		return kindMemory
	}
	for _, sign := range []string{"bad_alloc", "failed to allocate", "could not allocate", "failed to pin block", "Failed to allocate", "Could not allocate", "Allocation failure"} {
		if strings.Contains(e.Message, sign) {
			return kindMemory
		}
	}
	return kindSQL
}

// render returns the message as DuckDB's command prints it, with the line of the user's SQL that
// it is about, and a hint where the cause is a known mistake.
func (e engineError) render(sql string) string {
	var b strings.Builder
	if e.Type != "" {
		b.WriteString(e.Type + " Error: ")
	}
	b.WriteString(strings.TrimSpace(e.Message))
	if at, err := strconv.Atoi(e.Position); err == nil && at >= 0 && at < len(sql) {
		b.WriteString("\n\n" + quoteLine(sql, at))
	}
	if hint := e.hint(sql); hint != "" {
		b.WriteString("\nhint: " + hint)
	}
	return b.String()
}

// lineWidth is how much of a line is quoted, in characters.
const lineWidth = 80

// quoteLine returns the line of sql with the byte at the offset at, and a caret below that byte.
func quoteLine(sql string, at int) string {
	start := strings.LastIndexByte(sql[:at], '\n') + 1
	head := fmt.Sprintf("LINE %d: ", strings.Count(sql[:at], "\n")+1)
	line, _, _ := strings.Cut(sql[start:], "\n")
	before := strings.ToValidUTF8(strings.TrimRight(line[:min(at-start, len(line))], "\r"), "?")
	after := strings.ToValidUTF8(strings.TrimRight(line[len(before):], "\r"), "?")
	if n := utf8.RuneCountInString(before); n > lineWidth/2 {
		head, before = head+"...", string([]rune(before)[n-lineWidth/2:])
	}
	if room := lineWidth - utf8.RuneCountInString(before); utf8.RuneCountInString(after) > room {
		after = string([]rune(after)[:room]) + "..."
	}
	text := strings.ReplaceAll(before+after, "\t", " ")
	return head + text + "\n" + strings.Repeat(" ", utf8.RuneCountInString(head+before)) + "^"
}

// -> and ->> bind weaker than = and AND, so that stream='/x' and data->>'v'='1' means
// (stream='/x' and data)->>('v'='1').
var (
	weakArrow = regexp.MustCompile(`(\w+)\s*->>?\s*('(?:[^']|'')*')(\s*(?:=|<>|!=)\s*'(?:[^']|'')*')?`)
	arrowSign = regexp.MustCompile(`Failed to cast value to numerical|json_extract(_string)?\(BOOLEAN|VARCHAR and type INTEGER_LITERAL|to type BOOL\b`)
)

// writing begins a statement that changes something, or reads other files.
var writing = regexp.MustCompile(`(?i)^\s*(insert|update|delete|merge|truncate|create|alter|drop|copy|export|import|attach|detach|install|load|pragma|set|reset|use|call|vacuum|checkpoint|begin|commit)\b`)

func (e engineError) hint(sql string) string {
	switch w := writing.FindStringSubmatch(sql); {
	case w == nil:
	case strings.EqualFold(w[1], "delete"), strings.EqualFold(w[1], "truncate"):
		return "a query can only read: beacon erase CONDITION deletes beacons"
	case strings.EqualFold(w[1], "copy"), strings.EqualFold(w[1], "export"):
		return "a query can only read: beacon export --format parquet, csv or json writes the table to a file"
	default:
		return "a query can only read: write one SELECT, such as select count(*) from beacons"
	}
	arrow := weakArrow.FindStringSubmatch(sql)
	if arrow == nil || !arrowSign.MatchString(e.Message) {
		return ""
	}
	return fmt.Sprintf("-> and ->> bind weaker than = and AND: write field(%s, %s)%s, or put brackets around (%[1]s->>%[2]s)", arrow[1], arrow[2], arrow[3])
}
