package page

// followHyperlink is HTML, "follow the hyperlink", of which a page here does the pings and
// the fragments alone.
func (p *Page) followHyperlink(e *element) {
	if e.index("href") < 0 {
		return
	}
	to, err := p.parse(e.attribute("href"))
	if err != nil {
		return
	}
	if ping := e.attribute("ping"); ping != "" {
		p.ping(to.Href(false), ping)
	}
	p.later(func() { p.navigate(to) })
}

// ping is HTML, "hyperlink auditing". It outlives the page as a fetch with keepalive does.
// Where the link is to another fragment, Ping-From may have that one or the one before:
// both are the document's.
func (p *Page) ping(to, ping string) {
	p.fetches.keepalive.Go(func() {
		if err := p.nav.Ping(p.fetches.lasting, to, ping); err != nil {
			p.later(func() { p.console("warn", "ping: "+err.Error()) })
		}
	})
}
