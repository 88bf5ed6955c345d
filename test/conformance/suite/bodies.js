{
  const extract = 'Fetch, "extract a body"'
  const source = 'WebIDL, "Buffer source types"'
  const hex = buffer => Array.from(new Uint8Array(buffer), b => b.toString(16).padStart(2, '0')).join('')

  // raw is a rule that a value is sent as these bytes, without a type.
  const raw = (name, value, expected, { section = extract, needs } = {}) => ({
    name, section, needs,
    expect: { returns: true, requests: [{ 'content-type': null, hex: expected }] },
    run: t => t.beacon(value()),
  })

  const detaching = ['structuredClone', () => 'structuredClone' in globalThis]

  const kinds = [
    'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array',
    'Float16Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array',
  ]

  suite.group('Bodies', {}, [
    raw('An ArrayBuffer is its bytes, without a Content-Type', () => bytes(5), '0001020304'),
    raw('An empty ArrayBuffer', () => new ArrayBuffer(0), ''),
    ...kinds.map(kind => raw(`Of a ${kind} its own part is sent`, () => new globalThis[kind](bytes(32), 8, 2),
      hex(bytes(32).slice(8, 8 + 2 * (Number(/\d+/.exec(kind)) / 8))), { needs: [kind, () => kind in globalThis] })),
    raw('Of a DataView its own part is sent', () => new DataView(bytes(8), 3, 2), '0304'),
    raw('A DataView without a length goes to the end', () => new DataView(bytes(8), 6), '0607'),
    raw('A subarray of a subarray', () => new Uint8Array(bytes(16), 4).subarray(2, 8).subarray(1, 3), '0708'),
    raw('An empty view at the end of its buffer', () => new Uint8Array(bytes(4), 4), ''),
    raw('Numbers are as they are in memory', () => new Uint32Array([1, 0x01020304]), '0100000004030201'),
    {
      name: 'What is written to a buffer after the call is not sent', section: extract,
      expect: { returned: true, requests: [{ hex: '010203' }] },
      run(t) {
        const view = new Uint8Array([1, 2, 3])
        const returned = t.beacon(view)
        view.fill(9)
        return { returned }
      },
    },
    raw('A detached ArrayBuffer has no bytes', function () {
      const buffer = bytes(4)
      structuredClone(buffer, { transfer: [buffer] })
      return buffer
    }, '', { section: source, needs: detaching }),
    raw('A view of a detached ArrayBuffer has no bytes', function () {
      const view = new Uint8Array(bytes(4), 2)
      structuredClone(view.buffer, { transfer: [view.buffer] })
      return view
    }, '', { section: source, needs: detaching }),
    {
      name: 'A resizable ArrayBuffer is a TypeError, and so is a view of one', section: source,
      needs: ['resizable ArrayBuffer', () => 'resizable' in ArrayBuffer.prototype],
      expect: { buffer: 'TypeError', view: 'TypeError', part: 'TypeError', requests: [] },
      run(t) {
        const buffer = new ArrayBuffer(4, { maxByteLength: 8 })
        return {
          buffer: thrown(() => t.beacon(buffer)),
          view: thrown(() => t.beacon(new Uint8Array(buffer))),
          part: thrown(() => t.beacon(new DataView(buffer, 1, 2))),
        }
      },
    },
    {
      name: 'A Blob is its bytes, and its type', section: extract,
      expect: { returns: true, requests: [{ 'content-type': 'image/png', hex: '610001626364' }] },
      run: t => t.beacon(new Blob(['a', bytes(2), new Blob(['bcd'])], { type: 'image/png' })),
    },
    {
      name: 'A Blob without a type has no Content-Type', section: extract,
      expect: { returns: true, requests: [{ 'content-type': null, body: 'x' }] },
      run: t => t.beacon(new Blob(['x'])),
    },
    {
      name: 'An empty Blob has its type', section: extract,
      expect: { returns: true, requests: [{ 'content-type': 'text/plain', size: 0, 'content-length': '0' }] },
      run: t => t.beacon(new Blob([], { type: 'text/plain' })),
    },
    {
      name: 'A slice of a Blob has a type of its own', section: 'File API, "slice"',
      expect: { returned: [true, true], requests: [{ 'content-type': null, body: 'bc' }, { 'content-type': 'x/y', body: 'bc' }] },
      async run(t) {
        const blob = new Blob(['abcd'], { type: 'text/html' })
        const first = t.beacon(blob.slice(1, 3))
        await t.arrived('{page}/beacon')
        return { returned: [first, t.beacon(blob.slice(1, -1, 'X/Y'))] }
      },
    },
    {
      name: 'A File is a Blob: its name is not sent', section: extract,
      expect: { returns: true, requests: [{ 'content-type': 'text/css', 'content-disposition': null, body: 'x' }] },
      run: t => t.beacon(new File(['x'], 'name.css', { type: 'text/css' })),
    },
    {
      name: 'A URLSearchParams is urlencoded', section: extract,
      expect: { returns: true, requests: [{
        'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
        body: 'q=a+b%26c%3Dd&na%C3%AFve=%E2%98%83*-._&q=%7E%0D%0A%EF%BF%BD&=',
      }] },
      run: t => t.beacon(new URLSearchParams([['q', 'a b&c=d'], ['naïve', '☃*-._'], ['q', '~\r\n\ud800'], ['', '']])),
    },
    {
      name: 'An empty URLSearchParams is a body, with a type', section: extract,
      expect: { returns: true, requests: [{ 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8', 'content-length': '0' }] },
      run: t => t.beacon(new URLSearchParams()),
    },
    {
      name: 'A URLSearchParams is read at the call', section: extract,
      expect: { returned: true, requests: [{ body: 'a=b' }] },
      run(t) {
        const params = new URLSearchParams('a=b')
        const returned = t.beacon(params)
        params.append('late', 'x')
        return { returned }
      },
    },
    {
      name: 'The searchParams of a URL', section: extract,
      expect: { returns: true, requests: [{ body: 'x=y+z' }] },
      run: t => t.beacon(new URL('https://a/?x=y%20z#f').searchParams),
    },
    {
      name: 'A NUL and line ends in a string are left as they are', section: extract,
      expect: { returns: true, requests: [{ hex: '6100620d0a630d640a' }] },
      run: t => t.beacon('a\0b\r\nc\rd\n'),
    },
    {
      name: 'A byte order mark is kept', section: extract,
      expect: { returns: true, requests: [{ hex: 'efbbbf78' }] },
      run: t => t.beacon('\ufeffx'),
    },
    ...[0, 1, 1000].flatMap(n => [
      ['string', () => 'x'.repeat(n)], ['ArrayBuffer', () => new ArrayBuffer(n)], ['Uint8Array', () => new Uint8Array(n)],
      ['Blob', () => new Blob(['x'.repeat(n)])],
    ].map(([type, make]) => ({
      name: `A ${type} of ${n} bytes`, section: 'Fetch, "HTTP-network-or-cache fetch"',
      expect: { returns: true, requests: [{ 'content-length': String(n), size: n }] },
      run: t => t.beacon(make()),
    }))),
  ])

  const stream = (name, make, expect = { throws: 'TypeError', requests: [] }) => ({
    name, section: extract, expect, run: async t => t.beacon(await make()),
  })

  suite.group('Streams', {}, [
    stream('A ReadableStream is a TypeError', () => new ReadableStream()),
    stream('One that has bytes to give is, too', () => new ReadableStream({ start: c => { c.enqueue(new Uint8Array(3)); c.close() } })),
    stream('A closed one is, too', () => new ReadableStream({ start: c => c.close() })),
    stream('A locked one is, too', () => { const s = new ReadableStream(); s.getReader(); return s }),
    stream('One that was read from is, too', async () => {
      const s = new ReadableStream({ pull: c => c.enqueue(new Uint8Array(1)) }), reader = s.getReader()
      await reader.read()
      reader.releaseLock()
      return s
    }),
    stream('A cancelled one is, too', async () => { const s = new ReadableStream(); await s.cancel(); return s }),
    stream('The body of a Response is one', () => new Response('x').body),
    {
      name: 'It is not read from', section: extract,
      expect: { thrown: 'TypeError', locked: false, next: 'mine', requests: [] },
      async run(t) {
        const s = new ReadableStream({ pull: c => c.enqueue('mine') })
        const error = thrown(() => t.beacon(s))
        return { thrown: error, locked: s.locked, next: (await s.getReader().read()).value }
      },
    },
  ])
}
