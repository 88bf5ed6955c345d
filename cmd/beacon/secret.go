package main

import (
	"fmt"
	"os"
	"strings"
)

// secret returns the value of an environment variable, or else the first line of a file, or "" if both are unset. of is
// whose secret it is, for errors.
func secret(variable, file, of string) (string, error) {
	if text := os.Getenv(variable); text != "" || file == "" {
		return text, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the password of %s: %w", of, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("%s is empty: write the password of %s in its first line", file, of)
	}
	return line, nil
}
