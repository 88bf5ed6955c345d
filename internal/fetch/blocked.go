package fetch

import "fmt"

// A BlockedError is a network error by the rules: a policy of the page or an answer of the
// server forbids the request or its response, and would again. All other errors are the
// network's, and may pass.
type BlockedError struct {
	Reason string // without a URL's path, query or credentials
	// Status is the server's, if it had the request and only its answer is kept from the
	// page; else 0.
	Status int
}

func (e *BlockedError) Error() string { return "network error: " + e.Reason }

func blocked(format string, args ...any) error {
	return &BlockedError{Reason: fmt.Sprintf(format, args...)}
}
