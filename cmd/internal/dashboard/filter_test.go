package dashboard

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func berlin(t testing.TB) *time.Location {
	l, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestParsePeriod_DaysAndDates_BeginAndEndAtMidnight(t *testing.T) {
	zone := berlin(t)
	now := time.Date(2026, 10, 26, 0, 30, 0, 0, zone) // the day before has 25 hours
	for _, x := range []struct{ from, to, first, end, before, beforeEnd string }{
		{"1d", "", "2026-10-26T00:00:00+01:00", "2026-10-27T00:00:00+01:00", "2026-10-25T00:00:00+02:00", "2026-10-25T00:30:00+02:00"},
		{"2d", "", "2026-10-25T00:00:00+02:00", "2026-10-27T00:00:00+01:00", "2026-10-23T00:00:00+02:00", "2026-10-24T00:30:00+02:00"},
		{"2026-10-25", "2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", "2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00"},
		{"yesterday", "", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", "2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00"},
		{"month", "", "2026-10-01T00:00:00+02:00", "2026-10-27T00:00:00+01:00", "2026-09-05T00:00:00+02:00", "2026-09-30T00:30:00+02:00"},
		{"lastmonth", "", "2026-09-01T00:00:00+02:00", "2026-10-01T00:00:00+02:00", "2026-08-02T00:00:00+02:00", "2026-09-01T00:00:00+02:00"},
		{"2026-10-01", "", "2026-10-01T00:00:00+02:00", "2026-10-27T00:00:00+01:00", "2026-09-05T00:00:00+02:00", "2026-09-30T00:30:00+02:00"},
	} {
		p, err := ParsePeriod(x.from, x.to, now, zone)
		if err != nil {
			t.Fatal(err)
		}
		b := p.before(now)
		got := []string{p.From.Format(time.RFC3339), p.To.Format(time.RFC3339), b.From.Format(time.RFC3339), b.To.Format(time.RFC3339)}
		if want := []string{x.first, x.end, x.before, x.beforeEnd}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s to %q:\ngot  %q\nwant %q", x.from, x.to, got, want)
		}
	}
	for _, x := range [][2]string{{"", ""}, {"0d", ""}, {"-1d", ""}, {"7", ""}, {"7dd", ""}, {"99999d", ""}, {"1.5d", ""}, {"tomorrow", ""}, {"yesterday", "2026-10-25"}, {"2026-13-01", ""},
		{"7d", "2026-10-01"}, {"2026-10-02", "2026-10-01"}, {"2026-10-01", "x"}, {"1900-01-01", ""}} {
		if _, err := ParsePeriod(x[0], x[1], now, zone); err == nil || !strings.Contains(err.Error(), "write") && !strings.Contains(err.Error(), "choose") {
			t.Errorf("%q to %q: got %v", x[0], x[1], err)
		}
	}
}

func TestParsePeriod_ClockIsSetForwardAtMidnight_DayBeginsAtOne(t *testing.T) {
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePeriod("2026-09-06", "2026-09-06", time.Date(2026, 9, 20, 0, 0, 0, 0, zone), zone)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.From.Format(time.RFC3339); got != "2026-09-06T01:00:00-03:00" || !isMidnight(p.From) || !isMidnight(p.To) || p.days() != 1 {
		t.Errorf("the day is from %s to %s", got, p.To)
	}
}

func TestParseFilter_QueryOfAFilter_IsTheSameFilter(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	zone := func(string) *time.Location { return time.UTC }
	for _, text := range []string{"", "from=30d", "from=lastmonth", "from=2026-11-01&to=2026-11-30&site=https%3A%2F%2Fx.example", "filter=path%3D%2Fa%3Db&filter=browser%3DFirefox&bots=1"} {
		q, _ := url.ParseQuery(text)
		f, err := ParseFilter(q, "/visits", now, zone)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseFilter(f.query(), "/visits", now, zone)
		if err != nil || !reflect.DeepEqual(f, again) {
			t.Errorf("%s: got %+v, %v, want %+v", text, again, err, f)
		}
	}
	if _, err := ParseFilter(url.Values{"filter": {"ip=1"}}, "", now, zone); err == nil {
		t.Error("a filter of another column is no error")
	}
}

func TestParseEqual_OtherColumn_ErrorNamesColumns(t *testing.T) {
	for _, text := range []string{"path", "ip=1", "path) or (1=1", "", "=x"} {
		if _, err := ParseEqual(text); err == nil || !strings.Contains(err.Error(), "utm_source") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if e, err := ParseEqual("path=/a=b"); err != nil || e != (Equal{"path", "/a=b"}) {
		t.Errorf("got %v, %v", e, err)
	}
}
