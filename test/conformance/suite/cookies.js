{
  const cookie = 'Fetch, "Cookie header"'
  const stored = 'Fetch, "Set-Cookie header"'
  const json = () => new Blob(['{}'], { type: 'application/json' })
  const settings = { cookies: [
    { site: 'page', set: 'lax=1; SameSite=Lax; Secure; Path=/' }, { site: 'page', set: 'strict=1; SameSite=Strict; Secure; HttpOnly; Path=/' },
    { site: 'page', set: 'elsewhere=1; Secure; Path=/elsewhere' },
    { site: 'other', set: 'lax=2; SameSite=Lax; Secure; Path=/' }, { site: 'other', set: 'strict=2; SameSite=Strict; Secure; Path=/' },
    { site: 'other', set: 'none=2; SameSite=None; Secure; Path=/' },
  ] }

  // then sends a second beacon when the first is answered.
  const then = async (t, first, second) => {
    const returned = [t.beacon('x', first)]
    await t.answered(first)
    await t.sleep(100)
    returned.push(t.beacon('x', second))
    return { returned }
  }
  const keeps = (name, place, header, kept, section = stored) => ({
    name, section,
    answers: { [place + '1']: { cookies: [header] } },
    expect: { returned: [true, true], requests: [{ at: place + '1' }, { at: place + '2', cookie: kept }] },
    run: t => then(t, place + '1', place + '2'),
  })

  suite.group('Cookies', settings, [
    {
      name: 'To the page\'s own origin all of its cookies go', section: cookie,
      expect: { returns: true, requests: [{ cookie: 'lax=1; strict=1' }] },
      run: t => t.beacon('x'),
    },
    {
      name: 'To another port they go, too: it is the same site', section: cookie,
      expect: { returns: true, requests: [{ cookie: 'lax=1; strict=1' }] },
      run: t => t.beacon('x', '{port}/beacon'),
    },
    {
      name: 'To another site those with SameSite=None go', section: cookie,
      expect: { returns: true, requests: [{ cookie: 'none=2' }] },
      run: t => t.beacon('x', '{other}/beacon'),
    },
    {
      name: 'A preflight has no cookies', section: 'Fetch, "CORS-preflight fetch"',
      answers: { '{other}/beacon': { allow: true } },
      expect: { returns: true, requests: [{ method: 'OPTIONS', cookie: null }, { method: 'POST', cookie: 'none=2' }] },
      run: t => t.beacon(json(), '{other}/beacon'),
    },
    {
      name: 'Redirected from another site back to the page\'s, none with SameSite=Lax or Strict is sent', section: cookie,
      differs: { chromium: 'For SameSite it does not look at the redirects in between.' },
      answers: { '{other}/1': { status: 307, location: '{page}/2' } },
      expect: { returns: true, requests: [{ cookie: 'none=2' }, { at: '{page}/2', cookie: null }] },
      run: t => t.beacon('x', '{other}/1'),
    },
    {
      name: 'Redirected from the page\'s origin to another site', section: cookie,
      answers: { '{page}/1': { status: 307, location: '{other}/2' } },
      expect: { returns: true, requests: [{ cookie: 'lax=1; strict=1' }, { at: '{other}/2', cookie: 'none=2' }] },
      run: t => t.beacon('x', '{page}/1'),
    },
    {
      name: 'A Secure cookie does not go to http', section: cookie,
      differs: { chromium: 'For it, what goes to an address of loopback is as secure as https.' },
      expect: { returns: true, requests: [{ cookie: null }] },
      run: t => t.beacon('x', '{plain}/beacon'),
    },
    keeps('What the answer sets is kept', '{page}/', 'mine=3; Secure; Max-Age=2', 'lax=1; mine=3; strict=1'),
    keeps('What another site sets is kept if it has SameSite=None', '{other}/', 'mine=4; SameSite=None; Secure; Max-Age=2', 'mine=4; none=2'),
    keeps('and not if it has SameSite=Lax', '{other}/', 'late=5; SameSite=Lax; Secure; Max-Age=2', 'none=2'),
    {
      name: 'What a redirect sets is kept', section: stored,
      answers: { '{page}/1': { status: 307, location: '{page}/2', cookies: ['hop=6; Secure; Path=/c/'] } },
      expect: { returns: true, requests: [{ at: '{page}/1' }, { at: '{page}/2', cookie: 'hop=6; lax=1; strict=1' }] },
      run: t => t.beacon('x', '{page}/1'),
    },
  ])
}
