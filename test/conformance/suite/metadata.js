{
  const metadata = 'Fetch Metadata, "Integration with Fetch and HTML"'
  const goes = (name, place, expect) => ({
    name, section: metadata,
    expect: { returns: true, requests: [{ at: place, 'sec-fetch-user': null, ...expect }] },
    run: t => t.beacon('x', place),
  })
  const chain = (name, places, ...sites) => ({
    name, section: 'Fetch Metadata, "Sec-Fetch-Site"',
    answers: Object.fromEntries(places.slice(1).map((place, i) => [places[i], { status: 307, location: place }])),
    expect: { returns: true, requests: sites.map((site, i) => ({ at: places[i], 'sec-fetch-site': site })) },
    run: t => t.beacon('x', places[0]),
  })
  const names = { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' }

  suite.group('Other headers', {}, [
    {
      name: 'Accept is */*', section: 'Fetch, "Fetch"',
      expect: { returns: true, requests: [{ accept: '*/*' }] },
      run: t => t.beacon('x'),
    },
    {
      name: 'User-Agent is the navigator\'s', section: 'Fetch, "HTTP-network-or-cache fetch"',
      expect: { same: true },
      async run(t) {
        t.beacon('x')
        return { same: (await t.arrived('{page}/beacon'))['user-agent'] === navigator.userAgent }
      },
    },
    {
      name: 'The cache is not asked to revalidate', section: 'Fetch, "HTTP-network-or-cache fetch"',
      expect: { returns: true, requests: [{ 'if-none-match': null, 'if-modified-since': null, pragma: null, authorization: null, 'transfer-encoding': null }] },
      run: t => t.beacon('x'),
    },
    goes('Fetch metadata: to the page\'s own origin', '{page}/beacon', { 'sec-fetch-site': 'same-origin', ...names }),
    goes('Fetch metadata: to another port', '{port}/beacon', { 'sec-fetch-site': 'same-site', ...names }),
    goes('Fetch metadata: to another site', '{other}/beacon', { 'sec-fetch-site': 'cross-site', ...names }),
    goes('Fetch metadata: to http at an address of loopback, which is trustworthy', '{plain}/beacon', { 'sec-fetch-site': 'cross-site', ...names }),
    chain('A redirect to another site stays with the request', ['{page}/1', '{other}/2', '{page}/3'], 'same-origin', 'cross-site', 'cross-site'),
    chain('So does one to another port', ['{page}/1', '{port}/2', '{page}/3'], 'same-origin', 'same-site', 'same-site'),
    {
      name: 'http elsewhere is mixed content: true, and nothing arrives', section: 'Mixed Content, "Should fetching request be blocked"',
      differs: { chromium: 'It blocks mixed content in the call, and says so.' },
      expect: { returns: true, requests: [] },
      run: t => t.beacon('x', '{insecure}/beacon'),
    },
  ])
  suite.group('Other headers', { site: 'insecure' }, [
    {
      name: 'There is no fetch metadata for a URL that is not trustworthy', section: metadata,
      expect: { returns: true, requests: [{ 'sec-fetch-site': null, 'sec-fetch-mode': null, 'sec-fetch-dest': null }] },
      run: t => t.beacon('x', '{insecure}/beacon'),
    },
  ])
}
