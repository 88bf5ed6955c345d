package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/cmd/internal/table"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/loadtest"
	"github.com/seed-d051cf5a/beacon/internal/spool"
)

var yearSites = []string{"https://shop.example", "https://blog.example", "https://docs.example"}

// yearOfVisits are n events of the browser script on three sites, from start on for so long. More come by day than by
// night. Two of three leaves arrive twice, as from most browsers, and two of a thousand other events. One view of twenty
// has no leave.
func yearOfVisits(n int, start time.Time, long time.Duration) iter.Seq2[row.Row, error] {
	agents := []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	}
	return func(yield func(row.Row, error) bool) {
		random := rand.New(rand.NewPCG(1, 2))
		zipf := rand.NewZipf(random, 1.2, 4, 1999)
		var ahead []row.Row // in the order in which their views began
		// yieldUntil yields the rows that were received before a time, in the order of their receipt.
		yieldUntil := func(end time.Time) bool {
			slices.SortFunc(ahead, func(a, b row.Row) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
			i := 0
			for ; i < len(ahead) && ahead[i].ReceivedAt.Before(end); i++ {
				if !yield(ahead[i], nil) {
					return false
				}
			}
			ahead = slices.Delete(ahead, 0, i)
			return true
		}
		for made := 0; made < n; {
			if len(ahead) > 20_000 && !yieldUntil(ahead[len(ahead)-1].ReceivedAt.Add(-3*time.Hour)) {
				return
			}
			share := float64(made) / float64(n)
			at := start.Add(time.Duration(share * float64(long)))
			at = at.Add(-time.Duration(2*math.Sin(2*math.Pi*float64(at.Hour())/24)*float64(time.Hour)) + time.Duration(random.IntN(1000))*time.Millisecond)
			site := yearSites[min(random.IntN(4), 2)]
			agent := agents[min(random.IntN(9)/2, 4)]
			a := row.AgentOf(agent)
			day := at.Unix() / 86400
			visitor := fmt.Sprintf("%08x%08x", uint32(day*2654435761), random.Uint32()%4000)
			path := fmt.Sprintf("/articles/%d", zipf.Uint64())
			view := fmt.Sprintf("%016x", random.Uint64())
			number := 0
			event := func(name string, after time.Duration, more string) bool {
				number++
				twice := map[bool]int{true: 333, false: 1}[name == "leave"]
				now := at.Add(after)
				data := fmt.Appendf(nil, `{"name":"%s","view":"%s","n":%d,"weight":1,"path":"%s"%s}`, name, view, number, path, more)
				for copies := 0; copies == 0 || copies == 1 && random.IntN(500) < twice; copies++ {
					var id uuid.UUID
					binary.BigEndian.PutUint64(id[:], uint64(now.UnixMilli())<<16|0x7000|random.Uint64()&0xfff)
					binary.BigEndian.PutUint64(id[8:], random.Uint64())
					if made == n {
						return false
					}
					made++
					ahead = append(ahead, row.Row{ID: id, ReceivedAt: now.Add(time.Duration(copies) * time.Second), Stream: "/visits", Origin: site, Referrer: site + path, UserAgent: agent,
						IP: "192.0.2.0", ContentType: "text/plain;charset=UTF-8", Kind: row.JSON, Body: data, Data: data,
						Agent: a, Visitor: visitor})
				}
				return true
			}
			source := []string{"", "", `,"source":"www.google.com"`, `,"source":"news.ycombinator.com"`, `,"source":"duckduckgo.com"`, `,"utm_source":"mail","utm_medium":"letter","utm_campaign":"autumn"`}[random.IntN(6)]
			if !event("view", 0, fmt.Sprintf(`,"title":"Article","screen":"%s","language":"%s"%s`, []string{"phone", "laptop", "desktop"}[random.IntN(3)], []string{"en", "de", "fr-FR"}[random.IntN(3)], source)) {
				break
			}
			if random.IntN(12) == 0 && !event("signup", 3*time.Second, `,"props":{"plan":"pro"}`) {
				break
			}
			if random.IntN(40) == 0 && !event("error", 4*time.Second, fmt.Sprintf(`,"props":{"message":"TypeError: x%d is undefined","file":"/app.js"}`, random.IntN(20))) {
				break
			}
			seconds := math.Round(math.Exp(random.NormFloat64()+3)*10) / 10
			if random.IntN(20) > 0 && !event("leave", time.Duration(seconds*float64(time.Second)), fmt.Sprintf(`,"seconds":%g,"focused":%g,"scroll":%d,"lcp":%d,"inp":%d,"cls":0.0%d,"fcp":%d,"ttfb":%d`,
				seconds, seconds/2, random.IntN(101), 400+random.IntN(4000), 8*random.IntN(60), random.IntN(10), 200+random.IntN(2000), 20+random.IntN(900))) {
				break
			}
		}
		yieldUntil(start.Add(2 * long))
	}
}

// makeYear writes the table of a collector's data folder.
func makeYear(tb testing.TB, data string, n int, start time.Time, long time.Duration) {
	tb.Helper()
	var o tableOptions
	o.script = "/visits"
	columns, err := o.declared()
	if err != nil {
		tb.Fatal(err)
	}
	t, err := table.Open(filepath.Join(data, tableDir), table.Options{Columns: columns, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		tb.Fatal(err)
	}
	defer t.Close()
	began := time.Now()
	if _, err := t.Load(yearOfVisits(n, start, long), spool.Cursor{}, int64(n)); err != nil {
		tb.Fatal(err)
	}
	tb.Logf("%d rows were written in %v", n, time.Since(began).Round(time.Second))
}

// BenchmarkDashboard opens the dashboard over a year of BEACON_ROWS events, by default ten million, which take 0.7 GB in the
// temporary directory and four minutes to write. "first" is the first panel, "page" the last, and "all" is with the period
// before. Then beacons come at 5,000/s, without and with pages that are asked for all the time.
func BenchmarkDashboard(b *testing.B) {
	rows, err := strconv.Atoi(os.Getenv("BEACON_ROWS"))
	if err != nil {
		rows = 10_000_000
	}
	const year = 365 * 24 * time.Hour
	p := newPlace(b)
	makeYear(b, p.data, rows, time.Now().Add(-year), year)
	s := p.serve("127.0.0.1:0")
	token := p.token()
	open := func(query string) (first, page, all time.Duration) {
		req, err := http.NewRequest("GET", s.URL+"/?"+query, nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		began := time.Now()
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		defer res.Body.Close()
		buffer := make([]byte, 64<<10)
		text, later := "", false
		for {
			n, err := res.Body.Read(buffer)
			text += string(buffer[:n])
			if first == 0 && strings.Contains(text, `<section class="panel`) {
				first = time.Since(began)
			}
			if later = later || strings.Contains(text, `<template class="later">`); !later {
				page = time.Since(began)
			}
			if err != nil {
				break
			}
		}
		if !strings.HasSuffix(strings.TrimSpace(text), "</html>") || strings.Contains(text, `class="error"`) {
			b.Fatalf("the page of %s is not complete: %.2000s", query, text)
		}
		return first, page, time.Since(began)
	}
	// After its start the collector merges the table's files.
	for used := -1.0; ; time.Sleep(3 * time.Second) {
		now := s.metric("process_cpu_seconds_total")
		if used >= 0 && now-used < 0.2 {
			break
		}
		used = now
	}
	b.ReportMetric(0, "ns/op")
	for range b.N {
		for _, days := range []string{"30d", "90d"} {
			first, page, all := open("from=" + days)
			b.ReportMetric(first.Seconds(), days+"-first-s")
			b.ReportMetric(page.Seconds(), days+"-page-s")
			b.ReportMetric(all.Seconds(), days+"-all-s")
			_, _, again := open("from=" + days)
			b.ReportMetric(again.Seconds(), days+"-again-s")
		}
		load := loadtest.Dial(b, strings.TrimPrefix(s.URL, "http://"), benchConnections)
		p99 := func() float64 {
			took := load.PostAt(5000, benchSeconds(15))
			return took[len(took)*99/100].Seconds()
		}
		alone := p99()
		ctx, stop := context.WithCancel(b.Context())
		var reader sync.WaitGroup
		reader.Go(func() {
			for days := 31; ctx.Err() == nil; days++ {
				open(fmt.Sprintf("from=%dd", days))
			}
		})
		beside := p99()
		stop()
		reader.Wait()
		b.ReportMetric(1000*alone, "p99-alone-ms")
		b.ReportMetric(beside/alone, "p99-beside/alone")
	}
}
