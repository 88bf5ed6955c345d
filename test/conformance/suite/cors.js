{
  const preflight = 'Fetch, "CORS-preflight fetch"'
  const check = 'Fetch, "CORS check"'
  const cache = 'Fetch, "CORS-preflight cache"'
  const json = () => new Blob(['{}'], { type: 'application/json' })
  const asked = { method: 'OPTIONS' }
  const sent = { method: 'POST', body: '{}' }

  // asks is a rule about what becomes of a preflight's answer.
  const asks = (name, headers, passes, rest = {}, section = preflight) => ({
    name, section,
    answers: { '{other}/beacon': { allow: true, preflight: { allow: true, headers, ...rest } } },
    expect: { returns: true, requests: passes ? [asked, sent] : [asked] },
    run: t => t.beacon(json(), '{other}/beacon'),
  })
  const passes = (name, headers, rest, section) => asks(name, headers, true, rest, section)
  const fails = (name, headers, rest, section) => asks(name, headers, false, rest, section)

  suite.group('CORS', {}, [
    {
      name: 'A preflight asks for POST and content-type, and has nothing of the beacon', section: preflight,
      note: 'By the letter there is none: Fetch asks for an unsafe-request flag, which Beacon forgets to set. But else its mode cors would mean nothing, and the Web Platform Tests expect one.',
      answers: { '{other}/beacon': { allow: true } },
      expect: { returns: true, requests: [{
        at: '{other}/beacon', method: 'OPTIONS', accept: '*/*', origin: '{page}', referer: '{page}/',
        'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type',
        'content-type': null, 'content-length': null, cookie: null, body: '',
        'sec-fetch-mode': 'cors', 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'empty',
      }, {
        at: '{other}/beacon', method: 'POST', accept: '*/*', origin: '{page}', referer: '{page}/',
        'access-control-request-method': null, 'access-control-request-headers': null,
        'content-type': 'application/json', 'content-length': '2', body: '{}',
        'sec-fetch-mode': 'cors', 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'empty',
      }] },
      run: t => t.beacon(json(), '{other}/beacon'),
    },
    {
      name: 'Another port is another origin', section: preflight,
      answers: { '{port}/beacon': { allow: true } },
      expect: { returns: true, requests: [{ method: 'OPTIONS', 'sec-fetch-site': 'same-site' }, { method: 'POST', 'sec-fetch-site': 'same-site' }] },
      run: t => t.beacon(json(), '{port}/beacon'),
    },
    {
      name: 'A refused preflight is true, and the beacon does not leave', section: preflight,
      expect: { returns: true, requests: [asked] },
      run: t => t.beacon(json(), '{other}/beacon'),
    },
    fails('It fails without Access-Control-Allow-Origin', { 'Access-Control-Allow-Origin': '' }, {}, check),
    fails('It fails with *, as credentials are included', { 'Access-Control-Allow-Origin': '*' }, {}, check),
    fails('It fails with another origin', { 'Access-Control-Allow-Origin': 'https://elsewhere.test' }, {}, check),
    fails('It fails with null', { 'Access-Control-Allow-Origin': 'null' }, {}, check),
    fails('It fails with a list of origins', { 'Access-Control-Allow-Origin': '{page}, {page}' }, {}, check),
    fails('It fails with the origin in upper case', { 'Access-Control-Allow-Origin': 'HTTPS://LOCALHOST' }, {}, check),
    fails('It fails without Access-Control-Allow-Credentials', { 'Access-Control-Allow-Credentials': '' }, {}, check),
    fails('It fails where that is not true in lower case', { 'Access-Control-Allow-Credentials': 'True' }, {}, check),
    fails('It fails without Access-Control-Allow-Headers', { 'Access-Control-Allow-Headers': '' }),
    fails('It fails with other headers', { 'Access-Control-Allow-Headers': 'x-content-type, accept' }),
    fails('It fails with * for headers, as credentials are included', { 'Access-Control-Allow-Headers': '*' }),
    fails('It fails where the list of headers is none', { 'Access-Control-Allow-Headers': 'content-type, a b' }),
    fails('It fails where the list of methods is none', { 'Access-Control-Allow-Methods': 'a b' }),
    passes('Header names are compared without case, in a list', { 'Access-Control-Allow-Headers': 'x, CONTENT-Type,y' }),
    passes('POST need not be among the methods', { 'Access-Control-Allow-Methods': 'GET' }),
    passes('Any ok status passes', {}, { status: 299 }),
    fails('A status that is not ok fails', {}, { status: 404 }),
    fails('A redirect of a preflight is not followed', { Location: '/elsewhere' }, { status: 307 }),
    {
      name: 'The answer to the beacon itself may refuse: it has arrived', section: check,
      answers: { '{other}/beacon': { preflight: { allow: true } } },
      expect: { returns: true, requests: [asked, sent] },
      run: t => t.beacon(json(), '{other}/beacon'),
    },
    {
      name: 'A preflight is remembered for Access-Control-Max-Age', section: cache,
      answers: { '{other}/beacon': { allow: true, preflight: { headers: { 'Access-Control-Max-Age': '60' } } } },
      expect: { returned: [true, true], requests: [asked, sent, sent] },
      run: t => twice(t),
    },
    {
      name: 'Without Access-Control-Max-Age it is remembered for five seconds', section: cache,
      answers: { '{other}/beacon': { allow: true } },
      expect: { returned: [true, true], requests: [asked, sent, sent] },
      run: t => twice(t),
    },
    {
      name: 'Where that is 0 it is not remembered', section: cache,
      answers: { '{other}/beacon': { allow: true, preflight: { headers: { 'Access-Control-Max-Age': '0' } } } },
      expect: { returned: [true, true], requests: [asked, sent, asked, sent] },
      run: t => twice(t),
    },
    {
      name: 'Where that is no number it is five seconds', section: cache,
      answers: { '{other}/beacon': { allow: true, preflight: { headers: { 'Access-Control-Max-Age': 'soon' } } } },
      expect: { returned: [true, true], requests: [asked, sent, sent] },
      run: t => twice(t),
    },
    {
      name: 'After its time it is asked again', section: cache,
      answers: { '{other}/beacon': { allow: true, preflight: { headers: { 'Access-Control-Max-Age': '1' } } } },
      expect: { returned: [true, true], requests: [asked, sent, asked, sent] },
      run: t => twice(t, '{other}/beacon', 1500),
    },
    {
      name: 'It is remembered for the one URL', section: cache,
      answers: { '{other}/beacon': { allow: true, preflight: { headers: { 'Access-Control-Max-Age': '60' } } } },
      expect: { returned: [true, true], requests: [asked, sent, { method: 'OPTIONS', at: '{other}/beacon?other' }, sent] },
      run: t => twice(t, '{other}/beacon?other'),
    },
    {
      name: 'A beacon that fails has it forgotten', section: 'Fetch, "Main fetch"',
      differs: { chromium: 'It remembers the preflight all the same.' },
      answers: { '{other}/beacon': { preflight: { allow: true, headers: { 'Access-Control-Max-Age': '60' } } } },
      expect: { returned: [true, true], requests: [asked, sent, asked, sent] },
      run: t => twice(t),
    },
  ])

  // twice sends two beacons, the second when the first is done.
  async function twice(t, second = '{other}/beacon', pause = 100) {
    const returned = [t.beacon(json(), '{other}/beacon')]
    await t.answered('{other}/beacon', 'POST')
    await t.sleep(pause)
    returned.push(t.beacon(json(), second))
    return { returned }
  }
}
