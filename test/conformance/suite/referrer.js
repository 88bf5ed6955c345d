{
  const policy = 'Referrer Policy, "Determine request\'s Referrer"'
  const origin = 'Fetch, "Origin header"'
  const json = () => new Blob(['{}'], { type: 'application/json' })
  const page = '{page}/doc?query'

  // What the eight say, as [Referer, Origin], of a request to the page's own origin, to
  // another one, and from https to http at an address of loopback. That one is potentially
  // trustworthy, so for Referrer Policy it is no downgrade; for Origin the scheme decides.
  const policies = {
    'no-referrer': [[null, 'null'], [null, 'null'], [null, 'null']],
    'no-referrer-when-downgrade': [[page, '{page}'], [page, '{page}'], [page, 'null']],
    'same-origin': [[page, '{page}'], [null, 'null'], [null, 'null']],
    'origin': [['{page}/', '{page}'], ['{page}/', '{page}'], ['{page}/', '{page}']],
    'strict-origin': [['{page}/', '{page}'], ['{page}/', '{page}'], ['{page}/', 'null']],
    'origin-when-cross-origin': [[page, '{page}'], ['{page}/', '{page}'], ['{page}/', '{page}']],
    'strict-origin-when-cross-origin': [[page, '{page}'], ['{page}/', '{page}'], ['{page}/', 'null']],
    'unsafe-url': [[page, '{page}'], [page, '{page}'], [page, '{page}']],
  }

  const scheme = 'For Referer it looks at the schemes alone: http is a downgrade, whatever the address.'
  const always = 'A beacon\'s Origin does not depend on the referrer policy.'
  const nulled = 'In no-cors it makes Origin null at any redirect to another origin, the first one too.'
  const differs = (...reasons) => reasons.some(Boolean) ? { chromium: reasons.filter(Boolean).join(' ') } : undefined

  const beacon = (name, place, [referer, origin], reason) => ({
    name, section: policy, differs: differs(origin === 'null' && always, reason),
    expect: { returns: true, requests: [{ at: place, referer, origin }] },
    run: t => t.beacon('x', place),
  })

  for (const [name, [own, another, plain]] of Object.entries(policies)) {
    suite.group('Referrer and Origin', { policy: name }, [
      beacon(`${name}, to the page's own origin`, '{page}/beacon', own),
      beacon(`${name}, to another port`, '{port}/beacon', another),
      beacon(`${name}, to another site`, '{other}/beacon', another),
      beacon(`${name}, from https to http on loopback`, '{plain}/beacon', plain, /strict|downgrade/.test(name) && scheme),
      {
        name: `${name}, with a preflight: Origin is always there`, section: origin,
        answers: { '{other}/beacon': { allow: true } },
        expect: { returns: true, requests: [{ method: 'OPTIONS', referer: another[0], origin: '{page}' }, { method: 'POST', referer: another[0], origin: '{page}' }] },
        run: t => t.beacon(json(), '{other}/beacon'),
      },
      {
        name: `${name}, in cors, to the page's own origin`, section: origin,
        expect: { returns: true, requests: [{ method: 'POST', referer: own[0], origin: '{page}' }] },
        run: t => t.beacon(json()),
      },
    ])
  }

  const [own, another, plain] = policies['strict-origin-when-cross-origin']
  const header = 'Referrer Policy, "Parse a referrer policy from a Referrer-Policy header"'
  const onRedirect = (name, value, place, [referer, origin]) => ({
    name, section: 'Referrer Policy, "Set request\'s referrer policy on redirect"',
    differs: differs(origin === 'null' && place.startsWith('{page}') && always, origin !== 'null' && place.startsWith('{other}') && nulled),
    answers: { '{page}/1': { status: 307, location: place, headers: { 'Referrer-Policy': value } } },
    expect: { returns: true, requests: [{ at: '{page}/1', referer: page, origin: '{page}' }, { at: place, referer, origin }] },
    run: t => t.beacon('x', '{page}/1'),
  })

  suite.group('Referrer and Origin', {}, [
    beacon('Without a policy it is strict-origin-when-cross-origin: own origin', '{page}/beacon', own),
    beacon('Without a policy: another site', '{other}/beacon', another),
    beacon('Without a policy: from https to http on loopback', '{plain}/beacon', plain, scheme),
    {
      name: 'history.pushState changes the referrer', section: policy,
      needs: ['history', () => 'history' in globalThis],
      expect: { returns: true, requests: [{ referer: '{page}/pushed?x' }] },
      async run(t) {
        history.pushState(null, '', '/pushed?x#y')
        const returned = t.beacon('x')
        history.pushState(null, '', '/doc?query#fragment')
        return returned
      },
    },
    onRedirect('A redirect\'s policy applies to the next hop: no-referrer', 'no-referrer', '{page}/2', [null, 'null']),
    onRedirect('A redirect\'s policy applies to the next hop: unsafe-url', 'unsafe-url', '{other}/2', [page, '{page}']),
    onRedirect('A redirect\'s policy applies to the next hop: origin', 'origin', '{page}/2', ['{page}/', '{page}']),
    onRedirect('A redirect\'s policy applies to the next hop: same-origin', 'same-origin', '{other}/2', [null, 'null']),
    onRedirect('A redirect\'s policy that nobody knows changes nothing', 'never', '{other}/2', ['{page}/', '{page}']),
    onRedirect('Of several the last that is known counts', 'no-referrer, unsafe-url, never', '{other}/2', [page, '{page}']),
    {
      name: 'It lasts', section: 'Referrer Policy, "Set request\'s referrer policy on redirect"',
      answers: { '{page}/1': { status: 307, location: '{page}/2', headers: { 'Referrer-Policy': 'origin' } }, '{page}/2': { status: 307, location: '{page}/3' } },
      expect: { returns: true, requests: [{ referer: page }, { referer: '{page}/' }, { at: '{page}/3', referer: '{page}/' }] },
      run: t => t.beacon('x', '{page}/1'),
    },
    {
      name: 'The policy of what is no redirect changes nothing', section: 'Referrer Policy, "Set request\'s referrer policy on redirect"',
      answers: { '{page}/1': { headers: { 'Referrer-Policy': 'no-referrer' } } },
      expect: { returned: [true, true], requests: [{ referer: page }, { at: '{page}/2', referer: page }] },
      async run(t) {
        const first = t.beacon('x', '{page}/1')
        await t.answered('{page}/1')
        return { returned: [first, t.beacon('x', '{page}/2')] }
      },
    },
  ])
  suite.group('Referrer and Origin', { policy: 'never' }, [
    { ...beacon('A policy that nobody knows is none', '{other}/beacon', another), section: header },
  ])
  suite.group('Referrer and Origin', { policy: 'no-referrer, origin, never' }, [
    { ...beacon('The last that is known counts', '{page}/beacon', ['{page}/', '{page}']), section: header },
  ])
  suite.group('Referrer and Origin', { policy: 'UNSAFE-URL' }, [
    { ...beacon('Its case does not matter', '{other}/beacon', [page, '{page}']), section: header },
  ])
  for (const length of [4096, 4097]) {
    suite.group('Referrer and Origin', { length }, [
      {
        name: length > 4096 ? 'A referrer of 4,097 characters is cut to its origin' : 'A referrer of 4,096 characters is sent', section: policy,
        expect: { returns: true, requests: [length > 4096 ? { referer: '{page}/' } : { 'referer length': 4096 }] },
        run: t => t.beacon('x'),
      },
    ])
  }
  suite.group('Referrer and Origin', { site: 'insecure' }, [
    beacon('From http to https nothing is hidden', '{page}/beacon', ['{insecure}/', '{insecure}']),
    beacon('From http to its own origin', '{insecure}/beacon', ['{insecure}/doc?query', '{insecure}']),
    beacon('From http to http elsewhere', '{plain}/beacon', ['{insecure}/', '{insecure}']),
  ])
}
