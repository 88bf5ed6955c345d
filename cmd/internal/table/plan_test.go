package table

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestPlan_Files_ChoosesThoseToMerge(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	const mib = 1 << 20
	some := func(n int, day string, bytes int64, age time.Duration) (files []File) {
		date, err := time.Parse("20060102", day)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			at := date.Add(time.Duration(i) * time.Minute)
			files = append(files, File{Name: fmt.Sprintf("%s-%d-%03d", day, bytes, i), Bytes: bytes, First: at, Last: at, Made: now.Add(-age)})
		}
		return files
	}
	all := func(parts ...[]File) []File { return slices.Concat(parts...) }
	for _, c := range []struct {
		name   string
		files  []File
		period string
		want   int
	}{
		{"none", nil, "", 0},
		{"one file", some(1, "20261101", mib, 100*time.Hour), "", 0},
		{"seven files of today", some(7, "20261129", mib, time.Minute), "", 0},
		{"eight files of today", some(8, "20261129", mib, time.Minute), "20261129", 8},
		{"eight files of today of several sizes", all(some(4, "20261129", mib, time.Minute), some(4, "20261129", 100, time.Minute)), "", 0},
		{"two files of yesterday", some(2, "20261128", mib, 2*time.Hour), "20261128", 2},
		{"two files of yesterday, just made", some(2, "20261128", mib, 10*time.Minute), "", 0},
		{"files of two days", all(some(1, "20261128", mib, 2*time.Hour), some(1, "20261127", mib, 2*time.Hour)), "", 0},
		{"two days of a month that is not over for long enough", all(some(1, "20261002", mib, 99*time.Hour), some(1, "20261003", mib, 99*time.Hour)), "", 0},
		{"eight days that ended more than 31 days ago", all(some(4, "20261002", mib, 99*time.Hour), some(4, "20261003", mib, 99*time.Hour)), "202610", 8},
		{"two days of an old month", all(some(1, "20260801", mib, 99*time.Hour), some(1, "20260831", mib, 99*time.Hour)), "202608", 2},
		{"large files", some(9, "20261128", maxFile*3/4, 99*time.Hour), "", 0},
		{"as many as fit", some(9, "20261128", maxFile/4, 99*time.Hour), "20261128", 4},
		{"at most 64", some(200, "20261129", 100, time.Minute), "20261129", 64},
		{"year 1 and 9999", all(some(8, "00010101", mib, time.Minute), some(7, "99991231", mib, time.Minute)), "000101", 8},
	} {
		period, chosen := plan(c.files, now, maxFile)
		if period != c.period || len(chosen) != c.want {
			t.Errorf("%s: got %d files of %q, want %d of %q", c.name, len(chosen), period, c.want, c.period)
		}
		if !slices.IsSortedFunc(chosen, func(a, b File) int { return a.First.Compare(b.First) }) {
			t.Errorf("%s: the files are not in the order of their rows", c.name)
		}
	}
}

// TestPlan_NinetyDaysOfFlushes_FilesStayFew simulates flushes with files that only the
// manifest knows.
func TestPlan_NinetyDaysOfFlushes_FilesStayFew(t *testing.T) {
	for _, c := range []struct {
		name  string
		every time.Duration
		bytes int64
	}{{"slow", 8 * time.Minute, 24 << 10}, {"fast", 8 * time.Minute, 48 << 20}} {
		t.Run(c.name, func(t *testing.T) {
			begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			var files []File
			written, flushed, most := int64(0), int64(0), 0
			for now, n := begin, 0; now.Before(begin.AddDate(0, 0, 90)); now, n = now.Add(c.every), n+1 {
				files = append(files, File{Name: fmt.Sprint(n), Bytes: c.bytes, First: now, Last: now, Made: now})
				flushed += c.bytes
				for {
					_, chosen := plan(files, now, max(maxFile, flushed/64))
					if len(chosen) == 0 {
						break
					}
					n++
					merged := File{Name: fmt.Sprint(n, "m"), First: chosen[0].First, Last: chosen[0].Last, Made: chosen[0].Made}
					gone := map[string]bool{}
					for _, f := range chosen {
						gone[f.Name] = true
						merged.Bytes += f.Bytes
						if f.Last.After(merged.Last) {
							merged.Last = f.Last
						}
						if f.Made.After(merged.Made) {
							merged.Made = f.Made
						}
					}
					written += merged.Bytes
					files = append(without(files, gone), merged)
				}
				most = max(most, len(files))
			}
			t.Logf("%d files at most, %d at the end; merging wrote each byte %.1f times", most, len(files), float64(written)/float64(flushed))
			if most > 150 || c.name == "slow" && most > 100 {
				t.Errorf("files: got %d, want at most 100", most)
			}
			if ratio := float64(written) / float64(flushed); ratio > 8 {
				t.Errorf("bytes written for each byte flushed: got %.1f, want at most 8", ratio)
			}
		})
	}
}
