package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/spf13/cobra"
)

// Lines with curl name flags of curl.
func TestDocuments_NameFlag_CommandHasIt(t *testing.T) {
	var text []byte
	for _, name := range []string{"README.md", "docs/script.md"} {
		one, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, one...)
	}
	text = regexp.MustCompile(`(?m)^ +curl .*$`).ReplaceAll(text, nil)
	known := map[string]bool{"--help": true}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for _, name := range regexp.MustCompile(`--[a-z0-9-]+`).FindAllString(c.UsageString(), -1) {
			known[name] = true
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(command())
	for _, flag := range regexp.MustCompile("(?m)(?:^|[ `(])(--[a-z][a-z0-9-]+[a-z0-9])").FindAllStringSubmatch(string(text), -1) {
		if !known[flag[1]] {
			t.Errorf("no command has %s", flag[1])
		}
	}
}
