//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
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
		case "TABLE_FUNCTION":
			call, _ := n["function"].(map[string]any)
			if name, _ := call["function_name"].(string); !functions.MatchString(strings.ToUpper(name)) {
				return notAnswered(name)
			}
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

func notAnswered(function string) error {
	return fmt.Errorf("the function %s is not answered here: ask the tables", strings.ToLower(function))
}
