{
  const webidl = 'WebIDL, "Operations"'
  const conversion = 'WebIDL, "Creating an operation function"'
  const union = 'WebIDL, "Union types"'
  const text = 'text/plain;charset=UTF-8'
  const method = Navigator.prototype.sendBeacon

  // asText is a rule that a value is sent as a string.
  const asText = (name, value, body) => ({
    name, section: union,
    expect: { returns: true, requests: [{ method: 'POST', 'content-type': text, body }] },
    run: t => t.beacon(value()),
  })

  // nothing is a rule that a value is no data.
  const nothing = (name, ...data) => ({
    name, section: 'Beacon, "Processing Model"',
    expect: { returns: true, requests: [{ method: 'POST', 'content-type': null, 'content-length': '0', size: 0 }] },
    run: t => navigator.sendBeacon(t.url('{page}/beacon'), ...data),
  })

  // logging is an object whose conversion to a string writes a name down.
  const logging = (log, name, value) => ({ toString() { log.push(name); return value } })

  suite.group('Arguments', {}, [
    {
      name: 'sendBeacon is an operation of Navigator.prototype', section: webidl,
      expect: { own: false, inherited: true },
      run: () => ({
        own: Object.hasOwn(navigator, 'sendBeacon'),
        inherited: navigator.sendBeacon === Navigator.prototype.sendBeacon,
      }),
    },
    {
      name: 'It is writable, enumerable and configurable', section: webidl,
      expect: { writable: true, enumerable: true, configurable: true },
      run() {
        const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(Navigator.prototype, 'sendBeacon')
        return { writable, enumerable, configurable }
      },
    },
    {
      name: 'Its length is 1', section: webidl,
      expect: { length: 1, descriptor: { value: 1, writable: false, enumerable: false, configurable: true } },
      run: () => ({ length: method.length, descriptor: Object.getOwnPropertyDescriptor(method, 'length') }),
    },
    {
      name: 'Its name is "sendBeacon"', section: webidl,
      expect: { name: 'sendBeacon', descriptor: { value: 'sendBeacon', writable: false, enumerable: false, configurable: true } },
      run: () => ({ name: method.name, descriptor: Object.getOwnPropertyDescriptor(method, 'name') }),
    },
    {
      name: 'It is no constructor', section: webidl,
      expect: { constructed: 'TypeError', prototype: false },
      run: () => ({ constructed: thrown(() => Reflect.construct(Object, [], method)), prototype: Object.hasOwn(method, 'prototype') }),
    },
    {
      name: 'navigator is a Navigator, which nobody can construct', section: 'WebIDL, "Interface object"',
      expect: { instance: true, constructor: true, constructed: 'TypeError', tag: '[object Navigator]' },
      run: () => ({
        instance: navigator instanceof Navigator,
        constructor: navigator.constructor === Navigator,
        constructed: thrown(() => new Navigator()),
        tag: Object.prototype.toString.call(navigator),
      }),
    },
    {
      name: 'Without an argument it is a TypeError', section: conversion,
      expect: { throws: 'TypeError', requests: [] },
      run: () => navigator.sendBeacon(),
    },
    {
      name: 'What it returns is a primitive boolean', section: 'WebIDL, "boolean"',
      expect: { returns: 'boolean', requests: 1 },
      run: t => typeof t.beacon('x'),
    },
    {
      name: 'More than two arguments are one too many for nobody', section: conversion,
      expect: { returns: true, requests: [{ body: 'x' }] },
      run: t => navigator.sendBeacon(t.url('{page}/beacon'), 'x', () => { throw 1 }, Symbol()),
    },
    {
      name: 'Called on what is no Navigator it is a TypeError', section: conversion,
      expect: { object: 'TypeError', heir: 'TypeError', prototype: 'TypeError', undefined: 'TypeError', alone: 'TypeError', requests: [] },
      run(t) {
        const url = t.url('{page}/beacon'), alone = navigator.sendBeacon
        return {
          object: thrown(() => method.call({}, url)),
          heir: thrown(() => method.call(Object.create(navigator), url)),
          prototype: thrown(() => Navigator.prototype.sendBeacon(url)),
          undefined: thrown(() => method.call(undefined, url)),
          alone: thrown(() => alone(url)),
        }
      },
    },
    {
      name: 'The object is looked at before the arguments are converted', section: conversion,
      expect: { thrown: 'TypeError', log: [] },
      run() {
        const log = []
        return { thrown: thrown(() => method.call({}, logging(log, 'url', 'x'))), log }
      },
    },
    {
      name: 'url is converted first, then data', section: conversion,
      expect: { returned: true, log: ['url', 'data'], requests: [{ body: 'd' }] },
      run(t) {
        const log = []
        const returned = navigator.sendBeacon(logging(log, 'url', t.url('{page}/beacon')), logging(log, 'data', 'd'))
        return { returned, log }
      },
    },
    {
      name: 'What the conversion of url throws is thrown on, and data stays unconverted', section: conversion,
      expect: { same: true, log: [], requests: [] },
      run() {
        const log = [], error = new Error('mine')
        try {
          navigator.sendBeacon({ toString() { throw error } }, logging(log, 'data', 'd'))
        } catch (caught) {
          return { same: caught === error, log }
        }
      },
    },
    {
      name: 'What the conversion of data throws is thrown on, and nothing is sent', section: conversion,
      expect: { same: true, requests: [] },
      run(t) {
        const error = new RangeError('mine')
        try {
          t.beacon({ toString() { throw error } })
        } catch (caught) {
          return { same: caught === error }
        }
      },
    },
    {
      name: 'Both arguments are converted before the URL is parsed', section: conversion,
      expect: { log: ['url', 'data'], thrown: 'TypeError', requests: [] },
      run() {
        const log = []
        return { thrown: thrown(() => navigator.sendBeacon(logging(log, 'url', 'http://['), logging(log, 'data', 'd'))), log }
      },
    },
    {
      name: 'A Symbol is a TypeError as either of them', section: conversion,
      expect: { url: 'TypeError', data: 'TypeError', requests: [] },
      run: t => ({ url: thrown(() => navigator.sendBeacon(Symbol('x'))), data: thrown(() => t.beacon(Symbol('x'))) }),
    },
    {
      name: 'Lone surrogates in url become U+FFFD', section: 'WebIDL, "USVString"',
      expect: { returns: true, requests: [{ at: '{page}/a%EF%BF%BDb%F0%9F%98%80' }] },
      run: t => navigator.sendBeacon(t.url('{page}/a\ud800b\ud83d\ude00')),
    },
    {
      name: 'Lone surrogates in data become U+FFFD', section: 'WebIDL, "USVString"',
      expect: { returns: true, requests: [{ hex: 'efbfbd61efbfbdf09f9880efbfbd' }] },
      run: t => t.beacon('\udc00a\ud800\ud83d\ude00\ud83d'),
    },
    {
      name: 'A url that is null, undefined, a number or an array is its string', section: 'WebIDL, "USVString"',
      unordered: true,
      expect: { returned: [true, true, true, true], requests: [{ at: '{page}/1,2' }, { at: '{page}/12' }, { at: '{page}/null' }, { at: '{page}/undefined' }] },
      run: () => ({ returned: [null, undefined, 12, [1, 2]].map(url => navigator.sendBeacon(url)) }),
    },
    {
      name: 'A URL object is its href', section: 'WebIDL, "USVString"',
      expect: { returns: true, requests: [{ at: '{page}/a%20b' }] },
      run: t => navigator.sendBeacon(new URL(t.url('{page}/a b'))),
    },
    nothing('Without data there is no body and no Content-Type, but a Content-Length'),
    nothing('undefined is no data', undefined),
    nothing('null is no data', null),
    asText('A string is text/plain in UTF-8', () => 'naïve ☃ 😀', 'naïve ☃ 😀'),
    asText('An empty string is a body, with a type', () => '', ''),
    asText('A number is its string', () => -1.50, '-1.5'),
    asText('NaN is its string', () => NaN, 'NaN'),
    asText('A boolean is its string', () => false, 'false'),
    asText('A BigInt is its string', () => BigInt('12345678901234567890'), '12345678901234567890'),
    asText('A String object is its string', () => new String('s'), 's'),
    asText('An array is its elements and commas', () => [1, [2, 3], 'x', null], '1,2,3,x,'),
    asText('An object is [object Object]', () => ({ a: 1 }), '[object Object]'),
    asText('An object with toString is what that returns', () => ({ toString: () => 'mine', valueOf: () => 'not mine' }), 'mine'),
    asText('toString may return a number', () => ({ toString: () => 5 }), '5'),
    asText('Symbol.toPrimitive is asked for a string', () => ({ [Symbol.toPrimitive]: hint => hint }), 'string'),
    asText('Where toString returns an object, valueOf is asked', () => ({ toString: () => ({}), valueOf: () => 'v' }), 'v'),
    asText('A function is its source', () => function f() { return 1 }, 'function f() { return 1 }'),
    asText('A Map is no URLSearchParams', () => new Map([['a', 'b']]), '[object Map]'),
    asText('What only inherits from Blob.prototype is no Blob', () => Object.create(Blob.prototype), '[object Blob]'),
    asText('A Proxy of a Blob is no Blob', () => new Proxy(new Blob(['x']), {}), '[object Blob]'),
    asText('What is made up with a tag of FormData is no FormData', () => ({ [Symbol.toStringTag]: 'FormData' }), '[object FormData]'),
    asText('A Response is no body', () => new Response('x'), '[object Response]'),
    asText('A Headers is no body', () => new Headers({ a: 'b' }), '[object Headers]'),
    {
      name: 'An object that has no string is a TypeError', section: union,
      expect: { bare: 'TypeError', stubborn: 'TypeError', requests: [] },
      run: t => ({
        bare: thrown(() => t.beacon(Object.create(null))),
        stubborn: thrown(() => t.beacon({ toString: () => ({}), valueOf: () => ({}) })),
      }),
    },
    {
      name: 'An heir of a body type is that type', section: union,
      expect: { returned: [true, true], requests: [{ body: 'b', 'content-type': 'x/y' }, { body: 'a=b' }] },
      async run(t) {
        const blob = t.beacon(new (class extends Blob {})(['b'], { type: 'x/y' }))
        await t.arrived('{page}/beacon')
        return { returned: [blob, t.beacon(new (class extends URLSearchParams {})('a=b'))] }
      },
    },
    {
      name: 'toString of a body type is not asked', section: union,
      expect: { returns: true, requests: [{ body: 'a=b' }] },
      run: t => t.beacon(Object.assign(new URLSearchParams('a=b'), { toString: () => 'changed' })),
    },
  ])

  suite.group('Arguments', { site: 'insecure' }, [
    {
      name: 'It is there where there is no secure context', section: 'Beacon, "sendBeacon() Method"',
      expect: { secure: false, returned: true, requests: [{ at: '{insecure}/beacon' }] },
      run: t => ({ secure: isSecureContext, returned: t.beacon('x', '{insecure}/beacon') }),
    },
  ])
}
