// TextEncoder and TextDecoder (Encoding standard). Go encodes and decodes.
const viewTag = getterOf(TypedArray.prototype, toStringTag)

define('TextEncoder', {
  make: () => ({ __proto__: null, TextEncoder: true }),
  members: {
    get encoding() { brand(this, 'TextEncoder'); return 'utf-8' },
    encode(input = undefined) {
      brand(this, 'TextEncoder')
      return host.concat(false, input === undefined ? '' : usv(input))
    },
    encodeInto(source, destination) {
      brand(this, 'TextEncoder')
      const what = "execute 'encodeInto' on 'TextEncoder'"
      need(arguments.length, 2, what)
      source = usv(source)
      if (!isObject(destination) || host.kind(destination) !== TYPED_ARRAY || apply(viewTag, destination, []) !== 'Uint8Array')
        throw fail(what, "parameter 2 is not of type 'Uint8Array'.")
      const { 0: read, 1: written } = host.encodeInto(source, bytesOf(destination))
      return { read, written }
    },
  },
})
define('TextDecoder', {
  make: (what, { 0: label, 1: options }) => {
    const name = label === undefined ? 'utf-8' : `${label}`
    const o = dictionary(options, what, 2), fatal = !!o.fatal, ignoreBOM = !!o.ignoreBOM
    const decoder = host.newDecoder(name, fatal, ignoreBOM)
    if (decoder === null) throw new RangeError(`Failed to ${what}: The encoding label provided ('${name}') is invalid.`)
    return { __proto__: null, TextDecoder: true, decoder: decoder[0], encoding: decoder[1], fatal, ignoreBOM }
  },
  members: {
    get encoding() { return brand(this, 'TextDecoder').encoding },
    get fatal() { return brand(this, 'TextDecoder').fatal },
    get ignoreBOM() { return brand(this, 'TextDecoder').ignoreBOM },
    decode(input = undefined, options = undefined) {
      const me = brand(this, 'TextDecoder'), what = "execute 'decode' on 'TextDecoder'"
      const bytes = input === undefined ? new Uint8Array(0) : bytesOf(input)
      if (bytes === undefined) throw fail(what, "parameter 1 is not of type 'ArrayBuffer'.")
      const text = host.decodeWith(me.decoder, bytes, !!dictionary(options, what, 2).stream)
      if (text === null) throw fail(what, 'The encoded data was not valid.')
      return text
    },
  },
})
