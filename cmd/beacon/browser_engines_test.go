//go:build unix

package main

import "github.com/seed-d051cf5a/beacon/test/browsertest"

// engines are those in which all host names are this machine. WebKit has no such setting.
var engines = []string{browsertest.Chromium, browsertest.Firefox}
