package dashboard

import (
	"fmt"
	"math"
)

// A figureView is a number with its change since the period before.
type figureView struct{ Label, Value, Change string }

func figures(a, before *Answer, period Period) (views []figureView) {
	if len(a.Rows) == 0 {
		return nil
	}
	for i, name := range a.Columns {
		v := figureView{Label: label(name), Value: format(name, a.Rows[0][i])}
		if before != nil && len(before.Rows) > 0 && len(before.Columns) == len(a.Columns) {
			was, ok := before.Rows[0][i].(float64)
			is, also := a.Rows[0][i].(float64)
			if ok && also && was > 0 {
				v.Change = fmt.Sprintf("%s %s in the %s", change(is, was), format(name, was), daysBefore(period))
			}
		}
		views = append(views, v)
	}
	return views
}

// change returns what happened since a number was another.
func change(is, was float64) string {
	if percent := math.Round(100 * (is/was - 1)); percent != 0 {
		return fmt.Sprintf("%+.0f %% from", percent)
	}
	return "as"
}

func daysBefore(p Period) string {
	if n := p.days(); n > 1 {
		return fmt.Sprintf("%d days before", n)
	}
	return "day before"
}
