package dashboard

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

var labels = map[string]string{
	"utm_source": "UTM source", "utm_medium": "medium", "utm_campaign": "campaign", "utm_term": "UTM term", "utm_content": "UTM content",
	"os": "system", "seconds": "median time", "url": "URL", "lcp": "LCP", "inp": "INP", "cls": "CLS", "fcp": "FCP", "ttfb": "TTFB", "name": "event",
}

// label is how a column is called on the page.
func label(column string) string {
	if l := labels[column]; l != "" {
		return l
	}
	return strings.ReplaceAll(column, "_", " ")
}

// format returns how a value of a column is shown.
func format(column string, value any) string {
	switch x := value.(type) {
	case nil:
		return "–"
	case float64:
		switch column {
		case "seconds", "focused":
			return duration(x)
		case "lcp", "inp", "fcp", "ttfb":
			return milliseconds(x)
		case "rate", "lost", "good":
			return strconv.FormatFloat(math.Round(x*1000)/10, 'f', -1, 64) + " %"
		case "cls":
			return strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64)
		}
		return number(x)
	}
	if text := strings.TrimSpace(fmt.Sprint(value)); text != "" {
		return text
	}
	return "–"
}

// number returns x without fraction and with commas.
func number(x float64) string {
	if math.Abs(x) >= 1e15 {
		return strconv.FormatFloat(x, 'g', 4, 64)
	}
	digits := strconv.FormatInt(int64(math.Round(x)), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

func duration(seconds float64) string {
	switch {
	case seconds < 9.95:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 59.5:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%d min %d s", int(seconds+.5)/60, int(seconds+.5)%60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

func milliseconds(x float64) string {
	if x >= 1000 {
		return fmt.Sprintf("%.1f s", x/1000)
	}
	return fmt.Sprintf("%.0f ms", x)
}

// vitals are the limits of Web Vitals: up to the first a value is good, above the second it is poor.
var vitals = map[string][2]float64{"lcp": {2500, 4000}, "inp": {200, 500}, "cls": {0.1, 0.25}, "fcp": {1800, 3000}, "ttfb": {800, 1800}}

func verdict(column string, value any) string {
	limits, ok := vitals[column]
	x, isNumber := value.(float64)
	switch {
	case !ok || !isNumber:
		return ""
	case x <= limits[0]:
		return "good"
	case x <= limits[1]:
		return "fair"
	}
	return "poor"
}
