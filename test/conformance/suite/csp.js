{
  const connect = 'CSP, "connect-src"'
  const first = { at: '{page}/1' }

  const arrives = (name, place, section = connect) => ({
    name, section,
    expect: { returns: true, requests: [{ at: place }] },
    run: t => t.beacon('x', place),
  })
  const blocked = (name, place, section = connect) => ({
    name, section,
    expect: { returns: true, requests: [] },
    run: t => t.beacon('x', place),
  })
  // follows is a rule about a redirect to a place, which may be blocked.
  const follows = (name, place, requests) => ({
    name, section: connect,
    answers: { '{page}/1': { status: 307, location: place } },
    expect: { returns: true, requests: [first, ...requests] },
    run: t => t.beacon('x', '{page}/1'),
  })

  suite.group('Content Security Policy', { csp: ["connect-src 'self'"] }, [
    arrives('\'self\' lets the page\'s own origin through', '{page}/beacon'),
    blocked('\'self\' is not another port: true, and nothing arrives', '{port}/beacon'),
    blocked('\'self\' is not another site: true, and nothing arrives', '{other}/beacon'),
    follows('A redirect to a blocked origin is not followed', '{other}/2', []),
    follows('A redirect within \'self\' is', '{page}/2', [{ at: '{page}/2' }]),
    {
      name: 'A blocked preflight does not leave either', section: connect,
      answers: { '{other}/beacon': { allow: true } },
      expect: { returns: true, requests: [] },
      run: t => t.beacon(new Blob(['{}'], { type: 'application/json' }), '{other}/beacon'),
    },
    {
      name: 'What is blocked takes nothing of the quota for long', section: connect,
      expect: { returned: true, later: true, requests: [{ at: '{page}/2', size: 65536 }] },
      run: async t => ({
        returned: await t.until(() => t.beacon('x'.repeat(65536), '{other}/1')),
        later: await t.until(() => t.beacon('x'.repeat(65536), '{page}/2')),
      }),
    },
    {
      name: 'Over the quota it is false all the same', section: 'Beacon, "Processing Model"',
      differs: { chromium: 'It asks the policy first, and is done with what that blocks.' },
      expect: { returns: false, requests: [] },
      run: t => t.beacon('x'.repeat(65537), '{other}/beacon'),
    },
    {
      name: 'A URL that is none is a TypeError all the same', section: 'Beacon, "Processing Model"',
      expect: { throws: 'TypeError', requests: [] },
      run: () => navigator.sendBeacon('ftp://elsewhere.test/'),
    },
    {
      name: 'The page hears of it in a securitypolicyviolation event', section: 'CSP, "Report a violation"',
      expect: { heard: true, directive: 'connect-src', disposition: 'enforce', blocked: '{other}/beacon', requests: [] },
      async run(t) {
        let event
        const listen = e => { event = e }
        document.addEventListener('securitypolicyviolation', listen)
        await t.until(() => t.beacon('x', '{other}/beacon')) // the quota may be another rule's yet
        const heard = await t.until(() => event)
        document.removeEventListener('securitypolicyviolation', listen)
        return { heard, directive: event?.effectiveDirective, disposition: event?.disposition, blocked: event?.blockedURI }
      },
    },
  ])
  suite.group('Content Security Policy', { csp: ["connect-src 'none'"] }, [
    blocked('\'none\' blocks the page\'s own origin, too', '{page}/beacon'),
  ])
  suite.group('Content Security Policy', { csp: ["default-src 'self' 'unsafe-inline'"] }, [
    arrives('default-src stands in for connect-src', '{page}/beacon'),
    blocked('default-src blocks in its place', '{other}/beacon'),
  ])
  suite.group('Content Security Policy', { csp: ["default-src 'self' 'unsafe-inline'; connect-src {other}"] }, [
    arrives('connect-src overrides default-src', '{other}/beacon'),
    blocked('and does not inherit from it', '{page}/beacon'),
  ])
  suite.group('Content Security Policy', { csp: ["connect-src 'self' https://127.0.0.1:*"] }, [
    arrives('A port may be *', '{otherport}/beacon'),
    blocked('A source has a scheme', '{plain}/beacon'),
    follows('A redirect is matched against the same list', '{otherport}/2', [{ at: '{otherport}/2' }]),
  ])
  suite.group('Content Security Policy', { csp: ["connect-src 'self' {other}/c/"] }, [
    arrives('A path that ends in a slash is a prefix', '{other}/beacon'),
    {
      name: 'Another path is blocked', section: 'CSP, "Does url match expression"',
      expect: { returns: true, requests: [] },
      run: () => navigator.sendBeacon(sites.other + '/elsewhere', 'x'),
    },
    {
      name: 'After a redirect the path does not matter', section: 'CSP, "Does url match expression"',
      differs: { chromium: 'Of a request with keepalive it compares the path of a redirect, too; of others it does not.' },
      answers: { '{page}/1': { status: 307, headers: { Location: '{other}/elsewhere' } } },
      expect: { returns: true, requests: [first, { at: '{other}/elsewhere' }] },
      run: t => t.beacon('x', '{page}/1'),
    },
  ])
  suite.group('Content Security Policy', { csp: ['connect-src https:'] }, [
    arrives('A scheme lets all of its origins through', '{other}/beacon'),
    blocked('but not http', '{plain}/beacon'),
  ])
  suite.group('Content Security Policy', { csp: ['connect-src *'] }, [
    arrives('* is every http and https URL', '{plain}/beacon'),
  ])
  suite.group('Content Security Policy', { csp: ["connect-src 'self' {other}", 'connect-src {other}'] }, [
    blocked('Of several policies each has to agree', '{page}/beacon'),
    arrives('and what each allows goes', '{other}/beacon'),
  ])
  suite.group('Content Security Policy', { csp: ["connect-src 'self', connect-src {other}"] }, [
    blocked('A header can have two policies', '{page}/beacon'),
  ])
  suite.group('Content Security Policy', { csp: ["connect-src 'self'; connect-src *"] }, [
    blocked('Of a directive that comes twice the first counts', '{other}/beacon'),
  ])
  suite.group('Content Security Policy', { csp: ["CONNECT-SRC 'SELF'"] }, [
    arrives('Directives and keywords have no case', '{page}/beacon'),
    blocked('and block without it', '{other}/beacon'),
  ])
  suite.group('Content Security Policy', { csp: ["script-src 'self' 'unsafe-inline'; img-src 'none'"] }, [
    arrives('Other directives do not matter', '{other}/beacon'),
  ])
  suite.group('Content Security Policy', { csp: ['connect-src'] }, [
    blocked('An empty list is \'none\'', '{page}/beacon'),
  ])
  suite.group('Content Security Policy', { reportOnly: ["connect-src 'none'"] }, [
    arrives('A policy that only reports blocks nothing', '{other}/beacon', 'CSP, "Content-Security-Policy-Report-Only"'),
  ])
}
