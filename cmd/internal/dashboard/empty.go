package dashboard

import "strings"

// emptyTexts say why a panel can be without rows.
var emptyTexts = map[string]string{
	"loss":        "A view counts here an hour after its last event. There is none in this time.",
	"lossdays":    "A view counts here an hour after its last event. There is none in this time.",
	"doubles":     "No event arrived twice.",
	"bots":        "No event of a bot.",
	"countries":   "No view has a country: the collector needs serve --geoip FILE, see docs/script.md.",
	"notfound":    "No view of an error page. Such a page needs data-status on the script's element, see docs/script.md.",
	"errors":      "No error.",
	"events":      "No event of a name of your own, no download and no link to another host.",
	"campaigns":   "No view has utm_campaign in its URL.",
	"mediums":     "No view has utm_medium in its URL.",
	"sources":     "No session began in this time.",
	"vitals":      "No page has been left yet: browsers report Web Vitals then.",
	"time":        "No page has been left yet: the script reports the time then.",
	"goals":       "No goal was reached.",
	"goalsources": "No session began in this time, so no goal has a source.",
}

// emptyText returns what a panel without rows shows.
func emptyText(panel Panel) string {
	if text := emptyTexts[panel.Name]; text != "" {
		return text
	}
	return "Nothing in this time."
}

// isEmpty reports whether an answer has no row, or no number but 0.
func isEmpty(a *Answer) bool {
	isKey := keys(a.Columns, a.Rows)
	for _, row := range a.Rows {
		for i, cell := range row {
			if x, ok := cell.(float64); isKey[i] || cell == nil || ok && x == 0 {
				continue
			}
			return false
		}
	}
	return true
}

// brokenText says which query failed.
func brokenText(panel Panel, err error) string {
	name, _, _ := strings.Cut(panel.Name, "-")
	if name == "goals" || name == "goalsources" || name == "funnel" {
		return "The query of the panel " + panel.Name + " failed: " + err.Error()
	}
	return "The query in " + panel.Name + ".sql failed: " + err.Error()
}
