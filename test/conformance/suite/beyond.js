{
  const needs = ['iframe', () => 'HTMLIFrameElement' in globalThis]
  const frame = t => new Promise(done => {
    const element = document.createElement('iframe')
    element.onload = () => { element.onload = null; done(element) }
    element.src = '/control/frame'
    document.body.append(element)
  })

  suite.group('More than one document', { fresh: true }, [
    {
      name: 'A beacon of an iframe that is removed arrives', needs, section: 'Beacon, "sendBeacon() Method"',
      expect: { returned: true, requests: [{ body: 'x', referer: '{page}/control/frame' }] },
      async run(t) {
        const element = await frame(t)
        const returned = element.contentWindow.navigator.sendBeacon(t.url('{page}/beacon'), 'x')
        element.remove()
        return { returned }
      },
    },
    {
      name: 'Each document has a quota of its own', needs, section: 'Fetch, "HTTP-network-or-cache fetch"', unordered: true,
      answers: { '{other}/1': { hold: true }, '{other}/2': { hold: true } },
      expect: { returned: [true, true, false, false], requests: [{ at: '{other}/1' }, { at: '{other}/2' }] },
      async run(t) {
        const element = await frame(t), inner = element.contentWindow.navigator
        return { returned: [
          t.beacon('x'.repeat(65536), '{other}/1'), inner.sendBeacon(t.url('{other}/2'), 'x'.repeat(65536)),
          t.beacon('x', '{other}/x'), inner.sendBeacon(t.url('{other}/x'), 'x'),
        ] }
      },
    },
    {
      name: 'A body of another realm is that body', needs, section: 'WebIDL, "Union types"',
      expect: { returned: true, requests: [{ body: 'x', 'content-type': 'a/b' }] },
      async run(t) {
        const element = await frame(t)
        return { returned: t.beacon(new element.contentWindow.Blob(['x'], { type: 'a/b' })) }
      },
    },
    {
      name: 'The method of another realm\'s navigator works on this one\'s', needs, section: 'WebIDL, "Creating an operation function"',
      expect: { returned: true, requests: [{ body: 'x' }] },
      async run(t) {
        const element = await frame(t)
        return { returned: element.contentWindow.Navigator.prototype.sendBeacon.call(navigator, t.url('{page}/beacon'), 'x') }
      },
    },
    {
      name: 'A worker\'s navigator has no sendBeacon', section: 'Beacon, "sendBeacon() Method"',
      needs: ['Worker', () => 'Worker' in globalThis],
      expect: { method: 'undefined' },
      run: () => new Promise((done, failed) => {
        const worker = new Worker(URL.createObjectURL(new Blob(['postMessage(typeof navigator.sendBeacon)'])))
        worker.onmessage = e => { worker.terminate(); done({ method: e.data }) }
        worker.onerror = failed
      }),
    },
  ])
}
