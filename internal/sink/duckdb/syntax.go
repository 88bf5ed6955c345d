//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// checkSyntax refuses what is no SELECT, or names a file or a table function that doesn't
// only look, before the engine has looked at either: some of its own files it may open, and
// a DESCRIBE would show what is in them. So query() is refused too, whose text is no syntax
// yet.
func checkSyntax(ctx context.Context, conn *sql.Conn, text string) error {
	var tree string
	if err := conn.QueryRowContext(ctx, "select json_serialize_sql(?::varchar)::varchar", text).Scan(&tree); err != nil {
		return err
	}
	var parsed struct {
		Error      bool
		Kind       string `json:"error_type"`
		Message    string `json:"error_message"`
		Statements any
	}
	if err := json.Unmarshal([]byte(tree), &parsed); err != nil {
		return fmt.Errorf("read syntax: %w", err)
	}
	switch {
	case parsed.Kind == "not implemented" && anyExplain.MatchString(text):
		return errors.New("only EXPLAIN SELECT is answered here, and no EXPLAIN ANALYZE: it would run the statement")
	case parsed.Kind == "not implemented":
		return errors.New("only SELECT and EXPLAIN are answered here: what is in the table comes from beacons alone")
	case parsed.Error:
		return errors.New(parsed.Message)
	}
	return checkNode(parsed.Statements)
}

var anyExplain = regexp.MustCompile(`(?i)^\s*explain\b`)

func checkNode(n any) error {
	switch n := n.(type) {
	case []any:
		for _, child := range n {
			if err := checkNode(child); err != nil {
				return err
			}
		}
	case map[string]any:
		switch n["type"] {
		case "FUNCTION":
			if err := checkCall(n); err != nil {
				return err
			}
		case "TABLE_FUNCTION":
			call, _ := n["function"].(map[string]any)
			if name, _ := call["function_name"].(string); !functions.MatchString(strings.ToUpper(name)) {
				return notAnswered(name)
			}
			return checkNode(call["children"]) // a range of rows may be long
		case "BASE_TABLE", "SHOW_REF":
			if name, _ := n["table_name"].(string); strings.ContainsAny(name, `./\:*?[`) {
				return fmt.Errorf("%q would be a file, and files are not answered here: ask the tables", name)
			}
		}
		for _, child := range n {
			if err := checkNode(child); err != nil {
				return err
			}
		}
	}
	return nil
}

// makers are functions whose numbers say how large a value they make, in one step that can't
// be interrupted.
var makers = regexp.MustCompile(`^(repeat|lpad|rpad|range|generate_series|list_resize|array_resize|bitstring)$`)

// maxMade is the largest such number. Two such values may be compared with each other, or one be put
// into the other for each of its characters: that is the square of it.
const maxMade = 10_000

// checkCall refuses what would have the engine make a value of gigabytes, where that can be seen:
// a large number that is written out, and a value that is made for each of a list's.
func checkCall(n map[string]any) error {
	name, _ := n["function_name"].(string)
	arguments, _ := n["children"].([]any)
	for _, a := range arguments {
		a, _ := a.(map[string]any)
		if a["class"] == "LAMBDA" && makes(a["expr"]) {
			return fmt.Errorf("%s with a function that makes lists or repeats text for each element makes too large a value: join with a table instead, such as range(…)", name)
		}
		constant, _ := a["value"].(map[string]any)
		switch v := constant["value"].(type) {
		case float64:
			if makers.MatchString(name) && math.Abs(v) > maxMade {
				return fmt.Errorf("%s with the number %.0f makes too large a value: %d is the most here, but for range(…) and generate_series(…) as tables", name, v, maxMade)
			}
		case string:
			if (name == "printf" || name == "format") && wide.MatchString(v) {
				return fmt.Errorf("%s with the width in %q makes too large a value", name, v)
			}
		}
	}
	return nil
}

// makes says whether there is one of the makers in it, with a number that is not written out as a
// small one.
func makes(n any) bool {
	switch n := n.(type) {
	case []any:
		return slices.ContainsFunc(n, makes)
	case map[string]any:
		if name, _ := n["function_name"].(string); makers.MatchString(name) {
			numbers, _ := n["children"].([]any)
			if name != "range" && name != "generate_series" { // of which all are
				numbers = numbers[min(1, len(numbers)):min(2, len(numbers))]
			}
			if slices.ContainsFunc(numbers, isNotSmall) {
				return true
			}
		}
		for _, child := range n {
			if makes(child) {
				return true
			}
		}
	}
	return false
}

func isNotSmall(argument any) bool {
	a, _ := argument.(map[string]any)
	constant, _ := a["value"].(map[string]any)
	v, ok := constant["value"].(float64)
	return !ok || math.Abs(v) > 100
}

// wide is a directive of printf or format with a width.
var wide = regexp.MustCompile(`%[^a-zA-Z%]*\d{5}|\{[^}]*\d{5}`)

func notAnswered(function string) error {
	return fmt.Errorf("the function %s is not answered here: ask the tables", strings.ToLower(function))
}
