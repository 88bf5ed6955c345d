package collect_test

import (
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/collect/row"
)

var behindProxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func TestWhatIsKeptOfAnAddress(t *testing.T) {
	for _, x := range []struct {
		address collect.Address
		from    string
		want    string // a pattern of the column ip
	}{
		{collect.AddressTruncated, "203.0.113.77", `203\.0\.113\.0`},
		{collect.AddressTruncated, "2001:db8:1:2:3::77", `2001:db8:1::`},
		{collect.AddressKept, "203.0.113.77", `203\.0\.113\.77`},
		{collect.AddressKept, "2001:db8:1:2:3::77", `2001:db8:1:2:3::77`},
		{collect.AddressDropped, "203.0.113.77", ``},
		{collect.AddressHashed, "203.0.113.77", `[0-9a-f]{16}`},
	} {
		dir := t.TempDir()
		c, url := openIn(t, dir, collect.Options{Address: x.address, Proxies: behindProxy})
		otherwise := "[" + strings.ToUpper(netip.AddrFrom16(netip.MustParseAddr(x.from).As16()).StringExpanded()) + "]:4711"
		do(t, "POST", url+"/x", "body", "X-Forwarded-For", x.from, "X-Real-Ip", x.from, "X-Some-Proxys-Own", "client="+x.from+";x", "X-Another", otherwise, "Cf-Connecting-Ip", x.from)
		r := records(t, c)[0]
		if got := row.Of(&r).IP; !regexp.MustCompile("^" + x.want + "$").MatchString(got) {
			t.Errorf("%v of %s: %q", x.address, x.from, got)
		}
		if x.address != collect.AddressKept {
			nowhere(t, dir, x.from)
			nowhere(t, dir, otherwise)
		}
	}
}

func TestAPageOfTheSameMachineHasItsOrigin(t *testing.T) {
	c, url := open(t, collect.Options{})
	do(t, "POST", url+"/x", "", "Origin", url, "Referer", url+"/page")
	r := records(t, c)[0]
	if got := row.Of(&r); got.Origin != url || got.Referrer != url+"/page" {
		t.Errorf("%+v", got)
	}
}

// nowhere fails if the text is in any file of dir.
func nowhere(t *testing.T, dir, text string) {
	t.Helper()
	files := 0
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files++
			if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), text) {
				t.Errorf("%s is in %s (%v)", text, path, err)
			}
		}
		return err
	})
	if files == 0 {
		t.Error("there are no files")
	}
}

func TestTheHashIsAnotherOneEachDayAndAfterARestart(t *testing.T) {
	c := collect.NewForTest(collect.Options{Address: collect.AddressHashed})
	hash := func(address string, at time.Time) string {
		_, extra := c.Private(netip.MustParseAddr(address), at)
		return extra.Get(row.AddressField)
	}
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	one := hash("203.0.113.77", noon)
	if same := hash("203.0.113.77", noon.Add(11*time.Hour)); same != one {
		t.Errorf("%s and %s on one day", one, same)
	}
	if other := hash("203.0.113.78", noon); other == one {
		t.Error("two addresses have one hash")
	}
	tomorrow := hash("203.0.113.77", noon.Add(12*time.Hour))
	if tomorrow == one {
		t.Error("the same hash on two days")
	}
	c = collect.NewForTest(collect.Options{Address: collect.AddressHashed})
	if again := hash("203.0.113.77", noon); again == one {
		t.Error("the same hash after a restart: the salt is somewhere")
	}
}

func TestPoliciesAreTexts(t *testing.T) {
	for _, text := range []string{"truncate", "keep", "drop", "hash"} {
		var a collect.Address
		if err := a.UnmarshalText([]byte(text)); err != nil {
			t.Error(err)
		}
		if back, _ := a.MarshalText(); string(back) != text {
			t.Errorf("%s became %s", text, back)
		}
	}
	var o collect.OptOut
	if err := o.UnmarshalText([]byte("no")); err == nil || !strings.Contains(err.Error(), "keep, anonymous, refuse") {
		t.Error(err)
	}
}
