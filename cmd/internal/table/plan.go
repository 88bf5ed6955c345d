package table

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

const (
	// mergeFiles is how many files of about the same size are merged into one.
	mergeFiles = 8
	// mergeMost is how many files are merged at a time. All are open during the merge.
	mergeMost = 64
	// monthsAfter is how long after its end a day belongs to its month.
	monthsAfter = 31 * 24 * time.Hour
	// mergeDelay is how long after the last change the files of a past period are merged into one.
	mergeDelay = time.Hour
	// maxFile is the size in bytes over which a file is not merged with others.
	maxFile = 1 << 30
)

// period returns the name of the period of a time: its day, or its month if the day ended more than
// 31 days ago. Files of one period are merged with each other. After end no other period becomes a
// part of it.
func period(at, now time.Time) (name string, end time.Time) {
	at = at.UTC()
	tomorrow := time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, time.UTC)
	if now.Sub(tomorrow) <= monthsAfter {
		return at.Format("20060102"), tomorrow
	}
	return at.Format("200601"), time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, time.UTC).Add(monthsAfter)
}

// plan returns files to merge into one, sorted by their oldest rows, and the name of their period. It
// returns none where no merge is due. most is the size in bytes of the largest file.
//
// In the current period eight files of about the same size are merged, so that a row is rewritten
// about once for each factor of eight. In a past period all files are merged when none was added for
// an hour.
func plan(files []File, now time.Time, most int64) (name string, chosen []File) {
	byPeriod := map[string][]File{}
	ends := map[string]time.Time{}
	for _, f := range files {
		if f.Bytes <= most/2 {
			name, end := period(f.Last, now)
			byPeriod[name], ends[name] = append(byPeriod[name], f), end
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byPeriod)) {
		all := byPeriod[name]
		slices.SortFunc(all, func(a, b File) int { return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Name, b.Name)) })
		newest, classes := time.Time{}, map[int][]File{}
		for _, f := range all {
			if f.Made.After(newest) {
				newest = f.Made
			}
			class := sizeClass(f.Bytes)
			classes[class] = append(classes[class], f)
		}
		for _, class := range slices.Sorted(maps.Keys(classes)) {
			if len(classes[class]) >= mergeFiles {
				return name, fit(classes[class], most)
			}
		}
		if len(all) > 1 && now.Sub(ends[name]) > mergeDelay && now.Sub(newest) > mergeDelay {
			return name, fit(all, most)
		}
	}
	return "", nil
}

// sizeClass is the same number for sizes that differ by less than a factor of eight.
func sizeClass(bytes int64) (class int) {
	for bytes >= 64<<10 {
		bytes /= mergeFiles
		class++
	}
	return class
}

// fit returns the first files that fit into one file of the size most. Each of files has at most half
// of that, so fit returns at least two.
func fit(files []File, most int64) []File {
	total := int64(0)
	for i, f := range files {
		if total += f.Bytes; total > most || i == mergeMost {
			return files[:i]
		}
	}
	return files
}
