{
  const quota = 'Fetch, "HTTP-network-or-cache fetch"'
  const full = 65536
  const held = { hold: true }
  const text = n => 'x'.repeat(n)

  // exact is a rule that 65,536 bytes of a type pass, and one more does not.
  const exact = (type, make) => ({
    name: `A ${type}: 65,536 bytes pass, 65,537 do not`, section: quota,
    expect: { over: false, exactly: true, requests: [{ 'content-length': '65536', size: full }] },
    run: async t => ({ over: t.beacon(await make(full + 1)), exactly: t.beacon(await make(full)) }),
  })

  suite.group('Quota', { fresh: true }, [
    exact('string', text),
    exact('ArrayBuffer', n => new ArrayBuffer(n)),
    exact('Uint8Array', n => new Uint8Array(n)),
    exact('Blob', n => new Blob([text(n)])),
    exact('Blob that needs a preflight, to the page\'s own origin,', n => new Blob([text(n)], { type: 'application/json' })),
    exact('URLSearchParams', n => new URLSearchParams([['x', text(n - 2)]])),
    exact('FormData', async n => {
      const form = new FormData()
      form.append('x', '')
      const { byteLength } = await new Response(form).arrayBuffer()
      form.set('x', text(n - byteLength))
      return form
    }),
    {
      name: 'It counts the bytes in UTF-8, not the characters', section: quota,
      expect: { over: false, exactly: true, requests: [{ size: full }] },
      run: t => ({ over: t.beacon('☃'.repeat(21845) + 'xx'), exactly: t.beacon('☃'.repeat(21845) + 'x') }),
    },
    {
      name: '65,535 bytes leave room for one', section: quota, unordered: true,
      note: 'By the letter a request counts itself as well, since its record is in the fetch group by then; that would halve the quota, and is not what Fetch says that it wants.',
      answers: { '{other}/1': held, '{other}/2': held },
      expect: { returned: [true, false, true, false], requests: [{ at: '{other}/1', size: 65535 }, { at: '{other}/2', size: 1 }] },
      run: t => ({ returned: [t.beacon(text(65535), '{other}/1'), t.beacon('xx', '{other}/x'), t.beacon('x', '{other}/2'), t.beacon('x', '{other}/x')] }),
    },
    {
      name: 'What is in flight adds up, whatever the origins', section: quota, unordered: true,
      answers: { '{page}/1': held, '{other}/2': held, '{port}/3': held },
      expect: { returned: [true, true, false, true, false], requests: [{ at: '{other}/2' }, { at: '{page}/1' }, { at: '{port}/3' }] },
      run: t => ({ returned: [
        t.beacon(text(20000), '{page}/1'), t.beacon(text(30000), '{other}/2'),
        t.beacon(text(15537), '{port}/x'), t.beacon(text(15536), '{port}/3'), t.beacon('x', '{port}/x'),
      ] }),
    },
    {
      name: 'What is empty passes when the quota is full', section: quota, unordered: true,
      answers: { '{other}/full': held },
      expect: { returned: [true, false, true, true, true, true], requests: [{ at: '{other}/blob' }, { at: '{other}/full' }, { at: '{other}/none' }, { at: '{other}/string' }, { at: '{other}/view' }] },
      run: t => ({ returned: [
        t.beacon(text(full), '{other}/full'), t.beacon('x', '{other}/x'),
        t.beacon(undefined, '{other}/none'), t.beacon('', '{other}/string'), t.beacon(new Blob(), '{other}/blob'), t.beacon(new Uint8Array(), '{other}/view'),
      ] }),
    },
    {
      name: 'A beacon that was refused takes nothing', section: quota,
      expect: { returned: [false, false, true], requests: [{ size: full }] },
      run: t => ({ returned: [t.beacon(text(full + 1)), t.beacon(text(1 << 20)), t.beacon(text(full))] }),
    },
    {
      name: 'A call that throws takes nothing', section: quota,
      expect: { thrown: 'TypeError', returned: true, requests: [{ size: full }] },
      run: t => ({ thrown: thrown(() => navigator.sendBeacon('http://[', text(full))), returned: t.beacon(text(full)) }),
    },
    {
      name: 'Of a burst of 1,000 bytes each 65 are accepted', section: quota,
      answers: Object.fromEntries(Array.from({ length: 65 }, (_, i) => ['{other}/' + i, held])),
      expect: { accepted: 65, requests: 65 },
      run(t) {
        let accepted = 0
        for (let i = 0; i < 100; i++) if (t.beacon(text(1000), '{other}/' + accepted)) accepted++
        return { accepted }
      },
    },
    {
      name: 'Bytes come back when the answer is there', section: quota, unordered: true,
      answers: { '{other}/1': held },
      expect: { first: true, meanwhile: false, later: true, requests: [{ at: '{other}/1' }, { at: '{other}/2' }] },
      async run(t) {
        const first = t.beacon(text(full), '{other}/1'), meanwhile = t.beacon('x', '{other}/x')
        await t.release('{other}/1')
        return { first, meanwhile, later: await t.until(() => t.beacon(text(full), '{other}/2')) }
      },
    },
    {
      name: 'Only the bytes of what is finished come back', section: quota, unordered: true,
      answers: { '{other}/1': held, '{other}/2': held },
      expect: { later: true, more: false, requests: [{ at: '{other}/1' }, { at: '{other}/2' }, { at: '{other}/3' }] },
      async run(t) {
        t.beacon(text(65000), '{other}/1')
        t.beacon(text(536), '{other}/2')
        await t.release('{other}/2')
        return { later: await t.until(() => t.beacon(text(1), '{other}/3')), more: t.beacon(text(537), '{other}/x') }
      },
    },
    {
      name: 'They come back when the server hangs up', section: quota,
      answers: { '{other}/1': { abort: true } },
      expect: { returned: true, later: true },
      run: async t => ({ returned: t.beacon(text(full), '{other}/1'), later: await t.until(() => t.beacon(text(full), '{other}/2')) }),
    },
    {
      name: 'They come back when nobody listens', section: quota,
      expect: { returned: true, later: true, requests: 1 },
      run: async t => ({ returned: t.beacon(text(full), '{closed}/1'), later: await t.until(() => t.beacon(text(full))) }),
    },
    {
      name: 'They come back when a preflight is refused', section: quota,
      expect: { returned: true, later: true, requests: [{ method: 'OPTIONS' }, { at: '{other}/2' }] },
      run: async t => ({
        returned: t.beacon(new Blob([text(full)], { type: 'a/b' }), '{other}/1'),
        later: await t.until(() => t.beacon(text(full), '{other}/2')),
      }),
    },
    {
      name: 'They are taken while a preflight is under way', section: quota, unordered: true,
      answers: { '{other}/1': { allow: true, preflight: held } },
      expect: { returned: [true, false], requests: [{ method: 'OPTIONS' }, { method: 'POST' }] },
      async run(t) {
        const first = t.beacon(new Blob([text(full)], { type: 'a/b' }), '{other}/1')
        await t.arrived('{other}/1')
        return { returned: [first, t.beacon('x', '{other}/x')] }
      },
    },
    {
      name: 'They are taken while a redirect that keeps the body is followed', section: quota,
      answers: { '{other}/1': { status: 307, location: '{other}/2' }, '{other}/2': held },
      expect: { returned: [true, false], requests: [{ at: '{other}/1' }, { at: '{other}/2', method: 'POST' }] },
      async run(t) {
        const first = t.beacon(text(full), '{other}/1')
        await t.arrived('{other}/2')
        return { returned: [first, t.beacon('x', '{other}/x')] }
      },
    },
    {
      name: 'They come back when a redirect drops the body, before there is an answer', section: quota, unordered: true,
      differs: { chromium: 'It counts what a request had at its start, until the request is finished.' },
      answers: { '{other}/1': { status: 303, location: '{other}/2' }, '{other}/2': held },
      expect: { first: true, later: true, requests: [{ at: '{other}/1' }, { at: '{other}/2', method: 'GET' }, { at: '{other}/3' }] },
      async run(t) {
        const first = t.beacon(text(full), '{other}/1')
        await t.arrived('{other}/2')
        return { first, later: await t.until(() => t.beacon('x', '{other}/3')) }
      },
    },
    {
      name: 'fetch with keepalive takes from the same quota', section: quota, unordered: true,
      answers: { '{page}/fetch': held },
      expect: { beacons: [false, true], status: 204, requests: [{ at: '{page}/fetch' }, { at: '{other}/2' }] },
      async run(t) {
        const status = t.post(text(65530))
        await t.arrived('{page}/fetch')
        const beacons = [t.beacon(text(7), '{other}/x'), t.beacon(text(6), '{other}/2')]
        await t.release('{page}/fetch')
        return { beacons, status: await status }
      },
    },
    {
      name: 'fetch without keepalive takes nothing', section: quota, unordered: true,
      answers: { '{page}/fetch': held },
      expect: { beacon: true, status: 204, requests: 2 },
      async run(t) {
        const status = t.post(text(100000), '{page}/fetch', { keepalive: false })
        await t.arrived('{page}/fetch')
        const beacon = t.beacon(text(full), '{other}/2')
        await t.release('{page}/fetch')
        return { beacon, status: await status }
      },
    },
  ])
}
