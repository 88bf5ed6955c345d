{
  const encoding = 'HTML, "multipart/form-data encoding algorithm"'
  const end = '--BOUNDARY--\r\n'
  const field = (name, value) => `--BOUNDARY\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  const file = (name, filename, type, value) => `--BOUNDARY\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\nContent-Type: ${type}\r\n\r\n${value}\r\n`

  const encodes = (name, fill, body) => ({
    name, section: encoding,
    expect: { returns: true, requests: [{ 'content-type': 'multipart/form-data; boundary=BOUNDARY', body: body + end }] },
    run(t) {
      const form = new FormData()
      fill(form)
      return t.beacon(form)
    },
  })

  suite.group('Forms', {}, [
    encodes('An empty FormData is its last boundary', () => {}, ''),
    encodes('Fields are in order, one name more than once', f => { f.append('a', '1'); f.append('b', '2'); f.append('a', '3') },
      field('a', '1') + field('b', '2') + field('a', '3')),
    encodes('Names and values are in UTF-8', f => f.append('naïve', '☃ 😀'), field('naïve', '☃ 😀')),
    encodes('Lone surrogates become U+FFFD', f => f.append('\ud800', '\udc00x'), field('\ufffd', '\ufffdx')),
    encodes('Line ends in a value are CRLF', f => f.append('a', '1\n2\r3\r\n4\n\r5'), field('a', '1\r\n2\r\n3\r\n4\r\n\r\n5')),
    encodes('Line ends in a name are CRLF, escaped', f => f.append('1\n2\r3\r\n4', 'x'), field('1%0D%0A2%0D%0A3%0D%0A4', 'x')),
    encodes('Quotation marks in a name are escaped, and nothing else', f => f.append('"%22\\\';=&é', 'x'), field('%22%22\\\';=&é', 'x')),
    encodes('An empty name and an empty value', f => f.append('', ''), field('', '')),
    encodes('A value is a string', f => { f.append('a', 1); f.append('b', null); f.append('c', undefined) },
      field('a', '1') + field('b', 'null') + field('c', 'undefined')),
    encodes('A File has a filename and a type', f => f.append('f', new File(['x'], 'x.txt', { type: 'text/plain' })), file('f', 'x.txt', 'text/plain', 'x')),
    encodes('A File without a type is application/octet-stream', f => f.append('f', new File(['x'], 'x')), file('f', 'x', 'application/octet-stream', 'x')),
    encodes('A Blob is a File with the name blob', f => f.append('f', new Blob(['x'], { type: 'x/y' })), file('f', 'blob', 'x/y', 'x')),
    encodes('append can give the filename', f => f.append('f', new Blob(['x']), 'mine'), file('f', 'mine', 'application/octet-stream', 'x')),
    encodes('A filename is escaped, but its line ends are left', f => f.append('f', new File([''], '"\n\r\n\r☃')), file('f', '%22%0A%0D%0A%0D☃', 'application/octet-stream', '')),
    encodes('An empty filename is kept', f => f.append('f', new File(['x'], '')), file('f', '', 'application/octet-stream', 'x')),
    encodes('A file\'s line ends are left', f => f.append('f', new File(['1\n2\r3'], 'n')), file('f', 'n', 'application/octet-stream', '1\n2\r3')),
    encodes('set replaces the first and removes the rest', f => { f.append('a', '1'); f.append('b', '2'); f.append('a', '3'); f.set('a', '4') },
      field('a', '4') + field('b', '2')),
    encodes('delete removes', f => { f.append('a', '1'); f.append('b', '2'); f.delete('a') }, field('b', '2')),
    {
      name: 'A FormData is read at the call', section: 'Fetch, "extract a body"',
      expect: { returned: true, requests: [{ body: field('a', '1') + end }] },
      run(t) {
        const form = new FormData()
        form.append('a', '1')
        const returned = t.beacon(form)
        form.append('late', '2')
        return { returned }
      },
    },
    {
      name: 'The bytes of a file are not changed', section: encoding,
      expect: { returns: true, requests: [{ body: '(bytes)', 'content-type': 'multipart/form-data; boundary=BOUNDARY' }] },
      run(t) {
        const form = new FormData()
        form.append('f', new Blob([bytes(256)]))
        return t.beacon(form)
      },
    },
  ])
}
