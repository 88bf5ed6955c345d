// Package test has the tests that concern more than one module.
package test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/seed-d051cf5a/beacon"

// rules are the packages of this repository that a package may import, with the reason. Imports go in the
// direction in which beacons go.
var rules = []struct {
	pkg, may, why string
}{
	{"internal/warc", "", "the record is a codec and opens no files"},
	{"internal/datadir", "", "it returns the platform's folders and needs nothing else"},
	{"cmd/internal/web", "", "the live page is embedded files, which reach the server by HTTP"},
	{"cmd/internal/httpserver", "", "it answers HTTP for any handler"},
	{"internal/certtest", "", "it makes certificates for any test"},
	{"internal/impatient", "", "it writes the answers of any handler"},
	{"internal/form", "", "it encodes forms for any sender"},
	{"internal/weburl", "", "pages and the user agent both use it, so it depends on neither"},
	{"internal/fetchrules", "", "scripts that make a request and the user agent that sends it share the rules"},
	{"internal/fetch", "internal/fetchrules internal/weburl", "the user agent uses no disk: only deliver joins spool and fetch"},
	{"internal/procstat", "", "it reads the state of any process"},
	{"internal/spool", "internal/warc internal/procstat", "the log stores records and depends on neither its writers nor its readers"},
	{"collect/row", "internal/warc", "decoding is a view of a record, never a condition of keeping it"},
	{"internal/deliver", "internal/warc internal/spool internal/fetch", "a deliverer reads the outbox and sends through the user agent"},
	{"internal/outbox", "internal/warc internal/procstat internal/spool internal/fetch internal/fetchrules internal/deliver internal/datadir", "it joins the log and its deliverers, for programs and for pages"},
	{"", "internal/warc internal/spool internal/fetch internal/fetchrules internal/deliver internal/outbox internal/form internal/weburl", "a program that sends beacons links the code for sending only"},
	{"navigator", " internal/warc internal/fetch internal/fetchrules internal/deliver internal/outbox internal/weburl", "a page's navigator keeps its beacons as programs do, and has the types of their bodies"},
	{"page", "navigator internal/fetchrules internal/form internal/weburl page/internal/js", "a page sends through its navigator"},
	{"page/internal/js", "", "it runs JavaScript for any package and knows no interface of the Web"},
	{"collect", "internal/warc internal/spool collect/row internal/impatient", "the collector's answer waits for the inbox only: the table reads the inbox later"},
	{"beacontest", "collect internal/warc collect/row", "the test collector answers with the real collector's code and needs neither a disk nor a sender"},
	{"internal/proctest", "", "tests of any package wait for a condition"},
	{"test", "", "it has tests of more than one module"},
	{"test/wasm", "", "it has only tests"},
	{"test/browsertest", "internal/proctest", "it drives a browser for any test"},
	{"internal/loadtest", "", "it puts load on a server for any benchmark"},
	{"test/conformance", "", "the suite has only tests"},
	{"test/loss", "", "it measures browsers, with a server of its own"},
	{"test/trackers", "", "libraries use the command over HTTP, as real pages and programs do"},
	{"test/visits", "", "pages use the command over HTTP"},
	{"test/dashboard", "", "browsers use the command over HTTP"},
	{"test/kafkatest", "internal/proctest internal/certtest", "it runs Kafka for any test"},
	{"test/clickhousetest", "internal/proctest", "it runs ClickHouse's engine for any test"},
	{"test/collectortest", "", "it runs the command for any test"},
	{"cmd/internal/dashboard", "", "it makes SQL of panels, which are embedded files"},
	{"cmd/internal/geoip", "", "it finds the country of an IP in a file"},
	{"cmd/internal/bots", "collect collect/row", "it judges the requests that the collector gives it"},
	{"cmd/internal/script", "", "the script is an embedded file, which reaches pages by HTTP"},
	{"cmd/internal/accesslog", "internal/warc", "it turns lines into records, and the collector imports those"},
	{"cmd/internal/contract", "collect collect/row", "it checks rows for the table's writer"},
	{"cmd/internal/kafka", "internal/warc internal/spool collect/row cmd/internal/durable", "it copies records from the inbox to a topic and back, whatever reads them there"},
	{"cmd/internal/clickhouse", "internal/warc collect/row cmd/internal/kafka cmd/internal/table", "it reads the topic and needs no inbox: of the table it has the declared columns"},
	{"cmd/internal/table", "internal/warc internal/spool collect/row cmd/internal/durable cmd/internal/table/keys", "the table's writer reads the inbox and is pure Go: the engine is in another process"},
	{"cmd/internal/durable", "", "it writes files, whatever is in them"},
	{"cmd/internal/table/keys", "cmd/internal/durable", "the store of keys stores ids and places and needs no record"},
	{"cmd/internal/table/query", "internal/spool", "a query process reads the files of the view that it gets and does not depend on their writer"},
	{"cmd/internal/table/convert", "internal/warc internal/spool collect/row cmd/internal/table cmd/internal/table/query", "a conversion reads the old table and writes the new one"},
}

func TestImports_EachPackage_FollowTheRules(t *testing.T) {
	for _, rule := range rules {
		for _, imported := range list(t, "{{join .Imports \"\\n\"}}", rule.pkg) {
			inner, ours := strings.CutPrefix(imported, module+"/")
			if ours && !slices.Contains(strings.Fields(rule.may), inner) || imported == module && rule.pkg != "page" && rule.pkg != "navigator" {
				t.Errorf("%q imports %q, want one of %q: %s", rule.pkg, imported, strings.Fields(rule.may), rule.why)
			}
		}
	}
}

func TestImports_EachPackage_HasARule(t *testing.T) {
	for _, pkg := range list(t, "{{.ImportPath}}", "work") {
		inner := strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
		if inner == "cmd/beacon" || strings.HasPrefix(inner, "examples/") {
			continue // a command joins the packages and may import all
		}
		known := false
		for _, rule := range rules {
			known = known || rule.pkg == inner
		}
		if !known {
			t.Errorf("%q has no rule: add it to imports_test.go, with the packages that it may import and the reason", inner)
		}
	}
}

// TestImports_TestPackages_OnlyInTests includes commands: .Imports leaves out the imports of tests.
func TestImports_TestPackages_OnlyInTests(t *testing.T) {
	helpers := []string{"test/browsertest", "test/collectortest", "test/kafkatest", "test/clickhousetest", "internal/loadtest", "internal/proctest", "internal/certtest"}
	for _, line := range list(t, "{{.ImportPath}}>{{join .Imports \",\"}}", "work") {
		pkg, imports, _ := strings.Cut(line, ">")
		if slices.Contains(helpers, strings.TrimPrefix(pkg, module+"/")) {
			continue // one helper may use another
		}
		for _, helper := range helpers {
			if slices.Contains(strings.Split(imports, ","), module+"/"+helper) {
				t.Errorf("%s imports %s outside tests", pkg, helper)
			}
		}
	}
}

// TestImports_Engine_OnlyInItsBinding keeps the engine's types out of all other packages.
func TestImports_Engine_OnlyInItsBinding(t *testing.T) {
	for _, line := range list(t, "{{.ImportPath}}>{{join .Imports \",\"}}", "work") {
		pkg, imports, _ := strings.Cut(line, ">")
		if strings.Contains(imports, "modernc.org/libquickjs") && pkg != module+"/page/internal/js" {
			t.Errorf("%s imports modernc.org/libquickjs, want page/internal/js only: the binding alone frees its values", pkg)
		}
	}
}

// TestImports_RootPackage_FewModules names all modules that a program links with the root package.
func TestImports_RootPackage_FewModules(t *testing.T) {
	// publicsuffix tells which hosts are the same site, for Sec-Fetch-Site and SameSite cookies. Its
	// table adds 90 KB to the binary.
	allowed := "golang.org/x/net/publicsuffix github.com/google/uuid github.com/nlnwa/whatwg-url github.com/bits-and-blooms/bitset golang.org/x/net/idna golang.org/x/net/http/httpguts golang.org/x/net/http/httpproxy golang.org/x/text golang.org/x/sys"
	for _, dep := range list(t, "{{join .Deps \"\\n\"}}", "") {
		if !strings.Contains(strings.Split(dep, "/")[0], ".") || strings.HasPrefix(dep, module) {
			continue
		}
		known := false
		for _, a := range strings.Fields(allowed) {
			known = known || dep == a || strings.HasPrefix(dep, a+"/")
		}
		if !known {
			t.Errorf("the root package depends on %s: every program that sends beacons would link it", dep)
		}
	}
}

// list runs go list for a package of this module, or for all packages of all modules, "work".
func list(t *testing.T, format, pkg string) []string {
	t.Helper()
	target := strings.TrimSuffix(module+"/"+pkg, "/")
	if pkg == "work" {
		target = pkg
	}
	out, err := exec.Command("go", "list", "-f", format, target).CombinedOutput()
	if err != nil {
		t.Fatalf("go list %s: %v: %s", target, err, out)
	}
	return strings.Fields(string(out))
}
