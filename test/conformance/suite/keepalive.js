{
  const quota = 'Fetch, "HTTP-network-or-cache fetch"'
  const request = 'Fetch, "Request class"'
  const text = n => 'x'.repeat(n)

  suite.group('fetch with keepalive', { fresh: true }, [
    {
      name: 'Over the quota its promise is rejected with a TypeError', section: quota,
      expect: { over: 'TypeError', exactly: 204, requests: [{ size: 65536 }] },
      run: async t => ({ over: await t.post(text(65537)), exactly: await t.post(text(65536)) }),
    },
    {
      name: 'It throws nothing: fetch returns a promise', section: 'Fetch, "Fetch method"',
      expect: { promise: true, requests: [] },
      run: t => ({ promise: t.post(text(65537)) instanceof Promise }),
    },
    {
      name: 'While beacons fill the quota it is rejected', section: quota, unordered: true,
      answers: { '{other}/full': { hold: true } },
      expect: { beacon: true, fetched: 'TypeError', requests: [{ at: '{other}/full' }] },
      async run(t) {
        const beacon = t.beacon(text(65536), '{other}/full')
        return { beacon, fetched: await t.post('x') }
      },
    },
    {
      name: 'Without a body it passes then', section: quota, unordered: true,
      answers: { '{other}/full': { hold: true } },
      expect: { fetched: 204, requests: [{ at: '{other}/full' }, { at: '{page}/fetch', size: 0 }] },
      async run(t) {
        t.beacon(text(65536), '{other}/full')
        return { fetched: await t.post(null) }
      },
    },
    {
      name: 'Without keepalive it is not counted', section: quota, unordered: true,
      answers: { '{other}/full': { hold: true } },
      expect: { fetched: 204, requests: [{ at: '{other}/full' }, { at: '{page}/fetch', size: 70000 }] },
      async run(t) {
        t.beacon(text(65536), '{other}/full')
        return { fetched: await t.post(text(70000), '{page}/fetch', { keepalive: false }) }
      },
    },
    {
      name: 'Its bytes come back when it is answered', section: quota,
      expect: { fetched: 204, later: true, requests: 2 },
      async run(t) {
        const fetched = await t.post(text(65536))
        return { fetched, later: await t.until(() => t.beacon(text(65536), '{page}/2')) }
      },
    },
  ])
  suite.group('fetch with keepalive', {}, [
    {
      name: 'A Request has keepalive, false unless it is said', section: request,
      expect: { unsaid: false, said: true, truthy: true, falsy: false },
      run: () => ({
        unsaid: new Request('/').keepalive, said: new Request('/', { keepalive: true }).keepalive,
        truthy: new Request('/', { keepalive: 1 }).keepalive, falsy: new Request('/', { keepalive: '' }).keepalive,
      }),
    },
    {
      name: 'A Request of a Request has it, too', section: request,
      expect: { kept: true },
      run: () => ({ kept: new Request(new Request('/', { keepalive: true })).keepalive }),
    },
    {
      name: 'A ReadableStream with keepalive is a TypeError', section: 'Fetch, "extract a body"',
      expect: { constructed: 'TypeError', fetched: 'TypeError', requests: [] },
      run: async t => ({
        constructed: thrown(() => new Request('/', { method: 'POST', keepalive: true, duplex: 'half', body: new ReadableStream() })),
        fetched: await t.post(new ReadableStream(), '{page}/fetch', { duplex: 'half' }),
      }),
    },
    {
      name: 'It has the Content-Type and the Origin of a beacon', section: 'Fetch, "Fetch method"',
      expect: { fetched: 204, requests: [{ method: 'POST', 'content-type': 'text/plain;charset=UTF-8', origin: '{page}', referer: '{page}/doc?query', 'sec-fetch-mode': 'cors' }] },
      run: async t => ({ fetched: await t.post('x') }),
    },
  ])
}
