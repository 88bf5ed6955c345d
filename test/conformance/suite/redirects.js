{
  const redirect = 'Fetch, "HTTP-redirect fetch"'
  const taint = 'Fetch, "redirect-taint"'
  const json = () => new Blob(['{}'], { type: 'application/json' })
  const text = 'text/plain;charset=UTF-8'
  const post = { method: 'POST', 'content-type': text, 'content-length': '1', body: 'x', origin: '{page}' }
  const get = { method: 'GET', 'content-type': null, 'content-length': null, body: '', origin: null }
  const first = { at: '{page}/1', method: 'POST' }

  const nulled = { chromium: 'In no-cors it makes Origin null at any redirect to another origin, the first one too.' }
  const nineteen = { chromium: 'Of a request with keepalive it follows 19 redirects; of others, 20.' }

  // hops is a rule about a chain of redirects with status 307, each a place.
  const hops = (name, places, requests, { data = () => 'x', section = taint, allow = false, differs } = {}) => ({
    name, section, differs,
    answers: Object.fromEntries(places.map((place, i) => [place, i + 1 < places.length ? { allow, status: 307, location: places[i + 1] } : { allow }])),
    expect: { returns: true, requests },
    run: t => t.beacon(data(), places[0]),
  })

  // leads is a rule about one Location.
  const leads = (name, location, requests, data = () => 'x') => ({
    name, section: redirect,
    answers: { '{page}/1': { status: 307, headers: { Location: location } } },
    expect: { returns: true, requests: [first, ...requests] },
    run: t => t.beacon(data(), '{page}/1'),
  })

  suite.group('Redirects', {}, [
    ...[301, 302, 303, 307, 308].flatMap(status => ['{page}', '{other}'].map(site => {
      const second = status < 304 ? get : post
      return {
        name: `${status} to ${site} ${status < 304 ? 'becomes GET, without a body' : 'keeps method and body'}`, section: redirect,
        differs: second === post && site === '{other}' ? nulled : undefined,
        answers: { '{page}/1': { status, location: site + '/2' } },
        expect: { returns: true, requests: [{ at: '{page}/1', ...post }, { at: site + '/2', ...second }] },
        run: t => t.beacon('x', '{page}/1'),
      }
    })),
    ...[300, 304, 305, 306].map(status => ({
      name: `${status} is no redirect`, section: 'Fetch, "redirect status"',
      answers: { '{page}/1': { status, location: '{page}/2' } },
      expect: { returns: true, requests: [first] },
      run: t => t.beacon('x', '{page}/1'),
    })),
    {
      name: 'Once GET, it stays GET', section: redirect,
      answers: { '{page}/1': { status: 302, location: '{page}/2' }, '{page}/2': { status: 307, location: '{page}/3' } },
      expect: { returns: true, requests: [first, { at: '{page}/2', method: 'GET' }, { at: '{page}/3', method: 'GET', body: '' }] },
      run: t => t.beacon('x', '{page}/1'),
    },
    {
      name: 'An ArrayBuffer is sent again, and still has no type', section: redirect,
      answers: { '{page}/1': { status: 308, location: '{other}/2' } },
      expect: { returns: true, requests: [{ at: '{page}/1', hex: '000102' }, { at: '{other}/2', hex: '000102', 'content-type': null }] },
      run: t => t.beacon(bytes(3), '{page}/1'),
    },
    leads('A Location may be relative', '2?q', [{ at: '{page}/2?q' }]),
    leads('A Location that is no URL ends it', 'http://[', []),
    leads('data: ends it', 'data:text/plain,x', []),
    leads('ftp: ends it', 'ftp://localhost/', []),
    leads('about: ends it', 'about:blank', []),
    leads('A bad port ends it', '{badport}/2', []),
    hops('20 redirects are followed', Array.from({ length: 21 }, (_, i) => '{page}/' + i),
      Array.from({ length: 21 }, (_, i) => ({ at: '{page}/' + i, method: 'POST' })), { section: redirect, differs: nineteen }),
    hops('The 21st is not', Array.from({ length: 22 }, (_, i) => '{page}/' + i),
      Array.from({ length: 21 }, (_, i) => ({ at: '{page}/' + i, method: 'POST' })), { section: redirect, differs: nineteen }),
    hops('From the page\'s origin to another: Origin stays', ['{page}/1', '{other}/2'],
      [{ at: '{page}/1', origin: '{page}' }, { at: '{other}/2', origin: '{page}' }], { differs: nulled }),
    hops('Within another origin: Origin stays', ['{other}/1', '{other}/2'],
      [{ at: '{other}/1', origin: '{page}' }, { at: '{other}/2', origin: '{page}' }]),
    hops('From another origin to a third: Origin is null', ['{other}/1', '{port}/2'],
      [{ at: '{other}/1', origin: '{page}' }, { at: '{port}/2', origin: 'null' }]),
    hops('From another origin back to the page\'s: Origin is null', ['{other}/1', '{page}/2'],
      [{ at: '{other}/1', origin: '{page}' }, { at: '{page}/2', origin: 'null' }]),
    hops('A port away counts as another origin', ['{port}/1', '{page}/2'],
      [{ at: '{port}/1', origin: '{page}' }, { at: '{page}/2', origin: 'null' }]),
    hops('What is tainted stays so', ['{other}/1', '{page}/2', '{page}/3'],
      [{ origin: '{page}' }, { origin: 'null' }, { at: '{page}/3', origin: 'null' }]),
    hops('Out, back and out again', ['{page}/1', '{other}/2', '{page}/3', '{other}/4'],
      [{ origin: '{page}' }, { origin: '{page}' }, { origin: 'null' }, { at: '{other}/4', origin: 'null' }], { differs: nulled }),
    hops('What needs a preflight gets it where it leaves the origin', ['{page}/1', '{other}/2'],
      [{ at: '{page}/1', method: 'POST' }, { at: '{other}/2', method: 'OPTIONS', origin: '{page}' }, { at: '{other}/2', method: 'POST', origin: '{page}', body: '{}' }],
      { data: json, section: redirect, allow: true }),
    hops('And at each further hop', ['{other}/1', '{other}/2'],
      [{ at: '{other}/1', method: 'OPTIONS' }, { at: '{other}/1', method: 'POST' }, { at: '{other}/2', method: 'OPTIONS' }, { at: '{other}/2', method: 'POST', body: '{}' }],
      { data: json, section: redirect, allow: true }),
    hops('At a third origin the preflight has Origin null, too', ['{other}/1', '{port}/2'],
      [{ method: 'OPTIONS', origin: '{page}' }, { method: 'POST', origin: '{page}' }, { at: '{port}/2', method: 'OPTIONS', origin: 'null' }, { at: '{port}/2', method: 'POST', origin: 'null', body: '{}' }],
      { data: json, allow: true }),
    hops('Back at the page\'s origin it needs one all the same', ['{other}/1', '{page}/2'],
      [{ method: 'OPTIONS' }, { method: 'POST' }, { at: '{page}/2', method: 'OPTIONS', origin: 'null' }, { at: '{page}/2', method: 'POST', origin: 'null', body: '{}' }],
      { data: json, section: 'Fetch, "Main fetch"', allow: true }),
    {
      name: 'In cors a redirect from another origin has to pass the check', section: 'Fetch, "HTTP fetch"',
      answers: { '{other}/1': { status: 307, location: '{other}/2', preflight: { allow: true } }, '{other}/2': { allow: true } },
      expect: { returns: true, requests: [{ method: 'OPTIONS' }, { method: 'POST', at: '{other}/1' }] },
      run: t => t.beacon(json(), '{other}/1'),
    },
    {
      name: 'In no-cors it has not', section: 'Fetch, "HTTP fetch"',
      answers: { '{other}/1': { status: 307, location: '{other}/2' } },
      expect: { returns: true, requests: [{ at: '{other}/1' }, { at: '{other}/2' }] },
      run: t => t.beacon('x', '{other}/1'),
    },
    {
      name: 'A 303 drops the type, and with it the need of a preflight', section: redirect,
      answers: { '{page}/1': { status: 303, location: '{other}/2' } },
      expect: { returns: true, requests: [{ at: '{page}/1', 'content-type': 'application/json' }, { at: '{other}/2', method: 'GET', 'content-type': null, origin: '{page}' }] },
      run: t => t.beacon(json(), '{page}/1'),
    },
    {
      name: 'In cors a redirect to another origin with credentials in the URL ends it', section: redirect,
      answers: { '{page}/1': { status: 307, location: '{other@}/2' }, '{other}/2': { allow: true } },
      expect: { returns: true, requests: [first] },
      run: t => t.beacon(json(), '{page}/1'),
    },
    {
      name: 'In no-cors such credentials are no error', section: redirect,
      answers: { '{page}/1': { status: 307, location: '{other@}/2' } },
      expect: { returns: true, requests: [first, { at: '{other}/2', authorization: null }] },
      run: t => t.beacon('x', '{page}/1'),
    },
    {
      name: 'Cross-Origin-Resource-Policy ends a redirect from another origin', section: 'Fetch, "HTTP fetch"',
      answers: { '{other}/1': { status: 307, location: '{other}/2', headers: { 'Cross-Origin-Resource-Policy': 'same-origin' } } },
      expect: { returns: true, requests: [{ at: '{other}/1' }] },
      run: t => t.beacon('x', '{other}/1'),
    },
    {
      name: 'From https to http at an address of loopback, Origin is null', section: 'Fetch, "Origin header"',
      answers: { '{page}/1': { status: 307, location: '{plain}/2' } },
      expect: { returns: true, requests: [first, { at: '{plain}/2', origin: 'null', body: 'x' }] },
      run: t => t.beacon('x', '{page}/1'),
    },
    {
      name: 'To http elsewhere it is mixed content, and ends', section: 'Mixed Content, "Should fetching request be blocked"',
      answers: { '{page}/1': { status: 307, location: '{insecure}/2' } },
      expect: { returns: true, requests: [first] },
      run: t => t.beacon('x', '{page}/1'),
    },
  ])
}
