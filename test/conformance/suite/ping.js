{
  const auditing = 'HTML, "Hyperlink auditing"'

  // click follows a link within the page; what is told hears of the click.
  const click = (ping, told = () => {}) => {
    const link = document.createElement('a')
    link.href = '#fragment'
    link.ping = ping
    link.addEventListener('click', told)
    link.click()
  }
  const pings = (name, place, fields) => ({
    name, section: auditing,
    expect: { clicked: true, requests: [{ at: place, ...fields }] },
    run(t) {
      click(t.url(place))
      return { clicked: true }
    },
  })

  suite.group('<a ping>', {}, [
    pings('A ping is a POST of PING as text/ping', '{page}/ping', { method: 'POST', 'content-type': 'text/ping', body: 'PING' }),
    pings('It has an Origin, and no Referer', '{page}/ping', { origin: '{page}', referer: null }),
    pings('To the page\'s own origin it has Ping-From and Ping-To', '{page}/ping', { 'ping-from': '{page}/doc?query#fragment', 'ping-to': '{page}/doc?query#fragment' }),
    pings('From https to another origin it has Ping-To alone', '{other}/ping', { 'ping-from': null, 'ping-to': '{page}/doc?query#fragment' }),
    pings('It needs no preflight', '{other}/ping', { method: 'POST', 'sec-fetch-mode': 'no-cors', referer: null }),
    {
      name: 'Each URL is pinged, and what is none or not http is left out', section: auditing, unordered: true,
      expect: { clicked: true, requests: [{ at: '{other}/2' }, { at: '{page}/1' }] },
      run(t) {
        click(` ${t.url('{page}/1')}\tftp://localhost/ http://[ data:,x\n${t.url('{other}/2')} `)
        return { clicked: true }
      },
    },
    {
      name: 'A click that is cancelled pings nobody', section: auditing,
      expect: { clicked: true, requests: [] },
      run(t) {
        click(t.url('{page}/ping'), e => e.preventDefault())
        return { clicked: true }
      },
    },
  ])
}
