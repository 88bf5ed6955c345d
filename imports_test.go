package beacon_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/seed-d051cf5a/beacon"

// Beacons go one way through the house, and so do imports. Each rule says why.
var rules = []struct {
	pkg, may, why string
}{
	{"internal/warc", "", "the record is a codec: it opens no files and knows no one"},
	{"internal/datadir", "", "it only knows the platform's folders"},
	{"internal/web", "", "the live page is files; what they ask the server is HTTP"},
	{"internal/plainhttp", "", "it answers HTTP for any handler"},
	{"internal/impatient", "", "it writes the answers of any handler"},
	{"internal/form", "", "it encodes forms, for whoever sends them"},
	{"internal/weburl", "", "URLs and their origins are what pages and the user agent agree on: it knows neither"},
	{"internal/fetchrules", "", "what a header may be is asked by who makes a request and by who sends it"},
	{"internal/fetch", "internal/fetchrules internal/weburl", "the user agent knows nothing of disks: spool and fetch never meet but in deliver"},
	{"internal/spool", "internal/warc", "the log keeps records, and knows neither who wrote them nor who will read them"},
	{"internal/row", "internal/warc", "decoding is a view of a record, never a condition of keeping it"},
	{"internal/deliver", "internal/warc internal/spool internal/fetch", "a deliverer takes from the outbox and gives to the user agent"},
	{"", "internal/warc internal/spool internal/fetch internal/fetchrules internal/deliver internal/datadir internal/form internal/weburl", "a program that sends pays for sending only"},
	{"page", "internal/fetchrules internal/form internal/weburl", "a page sends as any program does, by the root package alone"},
	{"collect", "internal/warc internal/spool internal/row internal/impatient", "the collector's answer waits for its inbox and nothing else: engines read behind it"},
	{"beacontest", "collect internal/warc internal/row", "a test's collector answers by the real one's code, and knows neither a disk nor a sender"},
	{"internal/browsertest", "", "it drives a browser, for whichever test has a page for it"},
	{"internal/loadtest", "", "it loads a server, for whichever benchmark has one"},
	{"conformance", "", "the suite is tests alone: nobody can import it"},
	{"trackers", "", "the trackers meet the command as everybody's do, over HTTP"},
	{"internal/sink/duckdb", "internal/warc internal/spool internal/row", "a sink reads the inbox and is known to no one but the command"},
}

func TestImportsGoOneWay(t *testing.T) {
	for _, rule := range rules {
		for _, imported := range list(t, "{{join .Imports \"\\n\"}}", rule.pkg) {
			inner, ours := strings.CutPrefix(imported, module+"/")
			if ours && !slices.Contains(strings.Fields(rule.may), inner) || imported == module && rule.pkg != "page" {
				t.Errorf("%q imports %q: %s", rule.pkg, imported, rule.why)
			}
		}
	}
}

// TestEveryPackageHasARule keeps the list above whole.
func TestEveryPackageHasARule(t *testing.T) {
	for _, pkg := range list(t, "{{.ImportPath}}", "...") {
		inner := strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
		if strings.HasPrefix(inner, "cmd/") || strings.HasPrefix(inner, "examples/") {
			continue // a command holds the policy, and may import all
		}
		known := false
		for _, rule := range rules {
			known = known || rule.pkg == inner
		}
		if !known {
			t.Errorf("%q has no rule: say in imports_test.go what it may import, and why", inner)
		}
	}
}

// TestWhatIsForTestsIsForTests holds for commands too: .Imports leaves out those of tests.
func TestWhatIsForTestsIsForTests(t *testing.T) {
	for _, pkg := range []string{"internal/browsertest", "internal/loadtest"} {
		if slices.Contains(list(t, "{{join .Imports \"\\n\"}}", "..."), module+"/"+pkg) {
			t.Errorf("%s is imported by what is no test", pkg)
		}
	}
}

// TestTheSenderIsLight names all that a program takes on with the root package.
func TestTheSenderIsLight(t *testing.T) {
	// publicsuffix: what is the same site, for Sec-Fetch-Site and SameSite cookies. Its table
	// is 90 KB of the binary.
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
			t.Errorf("the root package depends on %s: a program that sends beacons would carry it", dep)
		}
	}
}

func list(t *testing.T, format, pkg string) []string {
	t.Helper()
	target := strings.TrimSuffix("./"+pkg, "/")
	out, err := exec.Command("go", "list", "-f", format, target).CombinedOutput()
	if err != nil {
		t.Fatalf("go list %s: %v: %s", target, err, out)
	}
	return strings.Fields(string(out))
}
