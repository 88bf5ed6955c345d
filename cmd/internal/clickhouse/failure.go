package clickhouse

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Numbers of ClickHouse's errors.
const (
	unknownUser          = 192
	wrongPassword        = 193
	authenticationFailed = 516
	accessDenied         = 497
	readonly             = 164
	unknownTable         = 60
	unknownDatabase      = 81
	tooManyParts         = 252
	memoryLimit          = 241
	noSpace              = 243
)

// A verdict is what an error of an INSERT says about its rows.
type verdict int

const (
	stateFails verdict = iota // ClickHouse's state: the same INSERT may work later
	rowsFail                  // the rows: without some of them the INSERT works
	tooLarge                  // a smaller INSERT may work
	unclear                   // one of the above
)

// rowErrors are errors that values cause: parsing, conversion, and the operator's own constraints and materialized views.
var rowErrors = []int{6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 128, 131, 246, 321, 349, 395, 407, 441, 467, 469, 470}

// stateErrors are errors of connections, rights, tables, quotas and resources.
var stateErrors = []int{
	3, 16, 20, unknownTable, unknownDatabase, 74, 75, 76, 107, 159, readonly, unknownUser, wrongPassword, 194, 201, 202, 203, 209, 210, 218, 219,
	236, 242, noSpace, tooManyParts, 285, 319, 341, 364, 373, 394, 425, 439, 452, accessDenied, authenticationFailed, 598, 700, 745, 999,
}

// judge returns what an error says about the rows.
func judge(err error) verdict {
	var e *Error
	switch {
	case !errors.As(err, &e) || e.Code == 0: // a connection, a proxy, or a password that can't be read
		return stateFails
	case e.Code == tooManyParts && strings.Contains(e.Text, "partitions"): // one INSERT has rows of too many months
		return tooLarge
	case e.Code == memoryLimit:
		return tooLarge
	case slices.Contains(stateErrors, e.Code):
		return stateFails
	case slices.Contains(rowErrors, e.Code):
		return rowsFail
	}
	return unclear
}

// explain adds what to do to an error.
func (t *Target) explain(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	user := t.User
	if user == "" {
		user = "default"
	}
	hint := ""
	switch e.Code {
	case unknownUser, wrongPassword, authenticationFailed:
		hint = fmt.Sprintf("the user is %s; name the file of its password with --to-password-file, or set BEACON_TO_PASSWORD", user)
	case accessDenied, readonly:
		hint = fmt.Sprintf("GRANT SELECT, INSERT, ALTER UPDATE, ALTER DELETE, ALTER ADD COLUMN, CREATE TABLE, CREATE VIEW, DROP VIEW ON %s.* TO %s", ident(t.Database), ident(user))
	case unknownDatabase:
		hint = fmt.Sprintf("make it: CREATE DATABASE %s", ident(t.Database))
	case unknownTable:
		hint = "it was dropped while beacon runs: start beacon again, and it makes its tables"
	case tooManyParts:
		hint = "merges are behind the inserts: see system.merges and system.parts, and give ClickHouse faster disks"
	case memoryLimit:
		hint = "raise max_memory_usage of the user, or max_server_memory_usage"
	case noSpace:
		hint = "make room on ClickHouse's disk"
	default:
		return err
	}
	return fmt.Errorf("%w\nhint: %s", err, hint)
}
