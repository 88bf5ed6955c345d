{
  const processing = 'Beacon, "Processing Model"'
  const url = 'URL, "URL parsing"'

  // goes is a rule about where a URL leads; the page's is {page}/doc?query.
  const goes = (name, given, at, differs) => ({
    name, section: url, differs,
    expect: { returns: true, requests: [{ at, method: 'POST' }] },
    run: t => navigator.sendBeacon(typeof given === 'function' ? given(t) : given, 'x'),
  })

  // refused is a rule that URLs are TypeErrors, which are thrown now.
  const refused = (name, ...urls) => ({
    name, section: processing,
    expect: { thrown: Object.fromEntries(urls.map(u => [u, 'TypeError'])), requests: [] },
    run: () => ({ thrown: Object.fromEntries(urls.map(u => [u, thrown(() => navigator.sendBeacon(u, 'x'))])) }),
  })

  suite.group('URLs', {}, [
    goes('A relative URL has the page\'s as its base', 'sub/x', '{page}/sub/x'),
    goes('An empty URL is the page\'s own', '', '{page}/doc?query'),
    goes('A query alone replaces the page\'s', '?q=1', '{page}/doc?q=1'),
    goes('A fragment alone leaves the page\'s query', '#f', '{page}/doc?query'),
    goes('A path of a host', '/abs?x', '{page}/abs?x'),
    goes('A URL without a scheme has the page\'s', () => '//' + sites.port.slice(8) + '/p', '{port}/p'),
    goes('Dots in a path are resolved, escaped ones too', '/a/b/../c/./%2e%2E/d', '{page}/a/d'),
    {
      name: 'A base element is the base, and not the referrer', section: processing,
      needs: ['base element', () => 'HTMLBaseElement' in globalThis],
      expect: { returns: true, requests: [{ at: '{other}/base/x', referer: '{page}/' }] },
      run() {
        const base = document.createElement('base')
        base.href = sites.other + '/base/'
        document.head.append(base)
        try {
          return navigator.sendBeacon('x')
        } finally {
          base.remove()
        }
      },
    },
    goes('A fragment is not sent', t => t.url('{page}/x#fragment'), '{page}/x'),
    goes('Space around a URL is cut off', t => ' \n' + t.url('{page}/x') + '\t ', '{page}/x'),
    goes('Tabs and newlines within are removed', t => t.url('{page}/a\tb\nc\rd'), '{page}/abcd'),
    goes('Backslashes are slashes', () => sites.page.replace('//', '\\\\') + '\\a\\b', '{page}/a/b'),
    goes('Scheme and host are in lower case', () => sites.page.toUpperCase() + '/A', '{page}/A'),
    goes('A port has no leading zeros', () => sites.page.replace(/:(\d+)$/, ':00$1') + '/zero', '{page}/zero'),
    goes('An IPv4 address has many forms', () => sites.other.replace('127.0.0.1', '0x7f.1') + '/address', '{other}/address'),
    goes('A host may be escaped', () => sites.page.replace('localhost', '%6Cocal%68ost') + '/host', '{page}/host'),
    goes('Path characters are escaped', '/ "<>`{}^é☃', '{page}/%20%22%3C%3E%60%7B%7D%5E%C3%A9%E2%98%83'),
    goes('What is not to be escaped is left as it is', "/b[c]!$&'()*+,;=:@~", "{page}/b[c]!$&'()*+,;=:@~"),
    goes('A vertical bar in a path is left as it is', '/a|b', '{page}/a|b',
      { chromium: 'Its URL parser escapes the bar.' }),
    goes('Escapes are left as they are', '/%41%2f%7E', '{page}/%41%2f%7E'),
    goes('Query characters are escaped, in UTF-8', "/q? \"<>'`{}|é", "{page}/q?%20%22%3C%3E%27`{}|%C3%A9"),
    goes('A query can be empty', '/q?', '{page}/q?'),
    goes('A long URL is not part of the quota', () => '/long?' + 'x'.repeat(60000), '{page}/long?' + 'x'.repeat(60000)),
    refused('A URL that cannot be parsed is a TypeError',
      'http://', 'https://', 'http://[', 'http://[::1', 'http://a<b/', 'http://a%/', 'http://a:b/', 'http://a:65536/', 'http://256.0.0.1/', 'http://1.2.3.4.5/', '//', 'https://user@', 'http://%00/', 'http://a^b'),
    {
      ...refused('A space in a host is a TypeError', 'http://exa mple/'),
      differs: { chromium: 'Its URL parser escapes the space.' },
    },
    refused('A scheme that is not http or https is a TypeError',
      'ftp://localhost/', 'file:///x', 'data:,x', 'blob:https://localhost/0', 'about:blank', 'javascript:1', 'mailto:a@b', 'ws://localhost/', 'wss://localhost/', 'x:', 'httpx://localhost/'),
    {
      name: 'A URL is a TypeError even where the data is over the quota', section: processing,
      expect: { throws: 'TypeError', requests: [] },
      run: () => navigator.sendBeacon('http://[', new ArrayBuffer(65537)),
    },
    {
      name: 'Credentials in a URL are no error, and wait for a challenge', section: 'Fetch, "HTTP-network-or-cache fetch"',
      differs: { chromium: 'It asks nothing but documents of URLs with credentials, and says so in the call.' },
      expect: { returns: true, requests: [{ at: '{page}/x', authorization: null }] },
      run: t => navigator.sendBeacon(t.url('{page}/x').replace('//', '//user:secret@')),
    },
    {
      name: 'A bad port is true, and nothing arrives', section: 'Fetch, "Port blocking"',
      expect: { returns: true, requests: [] },
      run: t => t.beacon('x', '{badport}/beacon'),
    },
    {
      name: 'A server that is not there is true', section: processing,
      expect: { returns: true, requests: [] },
      run: t => t.beacon('x', '{closed}/beacon'),
    },
  ])
}
