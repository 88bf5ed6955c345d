package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestDocuments_RelativeLinks_Exist(t *testing.T) {
	documents, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, document := range append(documents, more...) {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(string(text), -1) {
			path, _, _ := strings.Cut(link[1], "#")
			if path == "" || strings.Contains(path, ":") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), path)); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
	if links < 50 {
		t.Errorf("%d links, want more: are they found?", links)
	}
}
