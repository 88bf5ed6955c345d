package dashboard

import (
	"slices"
)

// A frame shows one panel of a group.
type frame struct {
	group []Panel
	shown Panel
}

// frames returns the frames of the page.
func (p *page) frames() (frames []frame) {
	at := map[int]int{} // the frame of a group
	for _, panel := range p.board.panels {
		group := slices.IndexFunc(groups, func(names []string) bool { return slices.Contains(names, panel.Name) })
		i, known := at[group]
		if group < 0 || !known {
			i = len(frames)
			frames = append(frames, frame{shown: panel})
			if group >= 0 {
				at[group] = i
			}
		}
		frames[i].group = append(frames[i].group, panel)
		if slices.Contains(p.tabs, panel.Name) {
			frames[i].shown = panel
		}
	}
	return frames
}

// shown returns the panels that the page shows at first.
func (p *page) shown() (panels []Panel) {
	for _, f := range p.frames() {
		panels = append(panels, f.shown)
	}
	return panels
}

// tabsOf returns the links to the panels of a group.
func (p *page) tabsOf(f frame) (tabs []link) {
	if len(f.group) < 2 {
		return nil
	}
	var others []string // the tabs of other groups
	for _, name := range p.tabs {
		if !slices.ContainsFunc(f.group, func(panel Panel) bool { return panel.Name == name }) {
			others = append(others, name)
		}
	}
	for i, panel := range f.group {
		q := p.filter.query()
		q["tab"] = others
		if i > 0 {
			q["tab"] = append(slices.Clone(others), panel.Name)
		}
		tabs = append(tabs, link{panel.Title, "/?" + q.Encode() + "#" + f.group[0].Name, panel.Name == f.shown.Name})
	}
	return tabs
}

// frameID returns the name of the first panel of the group.
func frameID(panel string) string {
	for _, names := range groups {
		if slices.Contains(names, panel) {
			return names[0]
		}
	}
	return panel
}
