{
  const unloading = 'HTML, "Unloading documents"'
  const json = () => new Blob(['{}'], { type: 'application/json' })

  // sends is a rule about a beacon that is sent in an event of leaving; a second one says
  // what sendBeacon returned for it.
  const sends = (event, leave, target = () => globalThis) => ({
    name: `A beacon sent in ${event} arrives, when the page ${leave === 'close' ? 'is closed' : 'navigates'}`, section: unloading,
    leave, unordered: true,
    expect: { listening: true, requests: [{ at: '{page}/beacon', body: event }, { at: '{page}/returned', body: 'true' }] },
    run(t) {
      target().addEventListener(event, () => {
        if (event === 'visibilitychange' && document.visibilityState !== 'hidden') return
        t.beacon(String(t.beacon(event)), '{page}/returned')
      }, { once: true })
      return { listening: true }
    },
  })
  // leaves is a rule about what is under way when the page goes.
  const leaves = (name, requests, answers, act, leave = 'navigate') => ({
    name, section: 'Beacon, "sendBeacon() Method"', leave, answers, unordered: true,
    expect: { returned: true, requests },
    run: t => ({ returned: act(t) }),
  })

  suite.group('Leaving', { fresh: true }, [
    ...['navigate', 'close'].flatMap(leave => [
      sends('visibilitychange', leave, () => document),
      sends('pagehide', leave),
    ]),
    sends('beforeunload', 'navigate'),
    sends('unload', 'navigate'),
    {
      name: 'pagehide comes first, then visibilitychange, then unload', section: unloading,
      leave: 'navigate', unordered: true,
      expect: { listening: true, requests: [{ at: '{page}/pagehide', body: '1 visible' }, { at: '{page}/unload', body: '3 hidden' }, { at: '{page}/visibilitychange', body: '2 hidden' }] },
      run(t) {
        let n = 0
        const tell = event => t.beacon(`${++n} ${document.visibilityState}`, '{page}/' + event.type)
        addEventListener('pagehide', tell)
        addEventListener('unload', tell)
        document.addEventListener('visibilitychange', tell)
        return { listening: true }
      },
    },
    leaves('A beacon that was just sent arrives', [{ body: 'x' }], {}, t => t.beacon('x')),
    leaves('So does one when the page is closed', [{ body: 'x' }], {}, t => t.beacon('x'), 'close'),
    leaves('Of many each arrives', Array.from({ length: 20 }, (_, i) => ({ at: '{page}/' + String(i).padStart(2, '0') })), {}, t =>
      Array.from({ length: 20 }, (_, i) => t.beacon('x'.repeat(1000), '{page}/' + String(i).padStart(2, '0'))).every(Boolean)),
    leaves('A slow redirect is followed when the page is gone', [{ at: '{other}/1' }, { at: '{other}/2', body: 'x' }],
      { '{other}/1': { delay: 500, status: 307, location: '{other}/2' } }, t => t.beacon('x', '{other}/1')),
    leaves('A slow preflight is waited for when the page is gone', [{ method: 'OPTIONS' }, { method: 'POST', body: '{}' }],
      { '{other}/beacon': { allow: true, preflight: { delay: 500 } } }, t => t.beacon(json(), '{other}/beacon')),
    {
      name: 'fetch with keepalive in pagehide arrives', section: unloading,
      leave: 'navigate',
      expect: { listening: true, requests: [{ at: '{page}/fetch', body: 'x' }] },
      run(t) {
        addEventListener('pagehide', () => { t.post('x') })
        return { listening: true }
      },
    },
  ])
}
