{
  const safelist = 'Fetch, "CORS-safelisted request-header"'

  const invalid = { chromium: 'It parses the type of a Blob, and sends none that is not valid: so there is nothing to ask for.' }

  // safe is a rule that a Blob of a type goes to another origin without a preflight, and
  // is sent with the Content-Type.
  const safe = (name, type, contentType = type, differs) => ({
    name, section: safelist, differs,
    answers: { '{other}/beacon': { allow: true } },
    expect: { returns: true, requests: [{ method: 'POST', 'content-type': contentType || null, 'sec-fetch-mode': 'no-cors', body: 'x' }] },
    run: t => t.beacon(new Blob(['x'], { type }), '{other}/beacon'),
  })

  // unsafe is a rule that it goes with one.
  const unsafe = (name, type, differs) => ({
    name, section: safelist, differs,
    answers: { '{other}/beacon': { allow: true } },
    expect: { returns: true, requests: [
      { method: 'OPTIONS', 'content-type': null, 'access-control-request-headers': 'content-type', body: '' },
      { method: 'POST', 'content-type': type, 'access-control-request-headers': null, body: 'x' },
    ] },
    run: t => t.beacon(new Blob(['x'], { type }), '{other}/beacon'),
  })

  suite.group('Content types', {}, [
    safe('text/plain needs no preflight', 'text/plain'),
    safe('application/x-www-form-urlencoded needs none', 'application/x-www-form-urlencoded'),
    safe('multipart/form-data needs none, with or without a boundary', 'multipart/form-data'),
    safe('No type needs none', ''),
    safe('Parameters do not matter', 'text/plain;charset=utf-16;a=b'),
    safe('Nor does what is no parameter', 'text/plain; ;x', undefined, invalid),
    safe('A type of 128 bytes is short enough', 'text/plain;a=' + 'x'.repeat(115)),
    safe('A Blob\'s type is in lower case, parameters too', 'TEXT/Plain;Charset=UTF-8', 'text/plain;charset=utf-8'),
    safe('A type with a character that is not in ASCII is no type', 'text/plain;a=é', ''),
    safe('A type with a control character is no type', 'application/json\n', ''),
    safe('A space before the parameters is kept', 'text/plain ;a=b'),
    unsafe('application/json needs a preflight', 'application/json'),
    unsafe('text/html needs one', 'text/html'),
    unsafe('A type that nobody knows needs one', 'x/y'),
    unsafe('What is no MIME type needs one', 'plain', invalid),
    unsafe('A prefix of a safe type needs one', 'text/plainer'),
    unsafe('A type of 129 bytes needs one', 'text/plain;a=' + 'x'.repeat(116),
      { chromium: 'For a beacon it does not look at the length.' }),
    unsafe('A quotation mark is a CORS-unsafe byte', 'text/plain;a="b"'),
    unsafe('So is a parenthesis', 'text/plain;a=(b', invalid),
    unsafe('So is a colon', 'text/plain;a:b', invalid),
    unsafe('So is an at sign', 'text/plain;a=@', invalid),
    {
      name: 'To the page\'s own origin there is no preflight, but the mode is cors', section: 'Beacon, "Processing Model"',
      expect: { returns: true, requests: [{ method: 'POST', 'content-type': 'application/json', 'sec-fetch-mode': 'cors' }] },
      run: t => t.beacon(new Blob(['{}'], { type: 'application/json' })),
    },
    ...[
      ['A string', () => 'x', 'text/plain;charset=UTF-8'],
      ['A FormData', () => new FormData(), 'multipart/form-data; boundary=BOUNDARY'],
      ['A URLSearchParams', () => new URLSearchParams(), 'application/x-www-form-urlencoded;charset=UTF-8'],
      ['An ArrayBuffer', () => bytes(1), null],
    ].map(([name, make, type]) => ({
      name: name + ' needs no preflight', section: safelist,
      expect: { returns: true, requests: [{ method: 'POST', 'content-type': type, 'sec-fetch-mode': 'no-cors' }] },
      run: t => t.beacon(make(), '{other}/beacon'),
    })),
  ])
}
