// Blob and File (File API). The slots have bytes, a Uint8Array that no script can reach, and type.
const blobSlots = (bytes, type) => ({ __proto__: null, Blob: true, bytes, type })
const typeOf = type => host.printable(type)

// partsOf converts the parts of a Blob; strings are encoded by host.concat, which also copies.
const partsOf = (v, what) => sequence(v, part => is(part, 'Blob') ? slotsOf(part).bytes : bytesOf(part) ?? usv(part),
  () => fail(what, 'The provided value cannot be converted to a sequence.'))

const endingsOf = (v, what) => {
  if (v === undefined) return 'transparent'
  v = `${v}`
  if (v !== 'transparent' && v !== 'native') throw fail(what, `The provided value '${v}' is not a valid enum value of type EndingType.`)
  return v
}

const makeBlob = (what, parts, options, n) => {
  if (parts !== undefined) parts = partsOf(parts, what)
  const o = dictionary(options, what, n)
  const endings = endingsOf(o.endings, what)
  const { type } = o
  const slots = blobSlots(undefined, type === undefined ? '' : typeOf(`${type}`))
  slots.bytes = parts === undefined ? new Uint8Array(0) : host.concat(endings === 'native', ...elements(parts))
  return slots
}
const copyOf = bytes => apply(bytesSlice, bytes, [])

define('Blob', {
  make: (what, { 0: parts, 1: options }) => makeBlob(what, parts, options, 2),
  members: {
    get size() { return apply(viewLength, brand(this, 'Blob').bytes, []) },
    get type() { return brand(this, 'Blob').type },
    slice(start = undefined, end = undefined, type = undefined) {
      const me = brand(this, 'Blob'), size = apply(viewLength, me.bytes, [])
      const at = (v, or) => {
        if (v === undefined) return or
        v = clamped(v)
        return v < 0 ? max(size + v, 0) : min(v, size)
      }
      const from = at(start, 0), to = at(end, size)
      return instance('Blob', blobSlots(host.part(me.bytes, from, max(to, from)), type === undefined ? '' : typeOf(`${type}`)))
    },
    text() { return promised(() => host.decode(brand(this, 'Blob').bytes)) },
    arrayBuffer() { return promised(() => apply(viewBuffer, copyOf(brand(this, 'Blob').bytes), [])) },
    bytes() { return promised(() => copyOf(brand(this, 'Blob').bytes)) },
    stream() {
      const { bytes } = brand(this, 'Blob')
      return streamOf(apply(viewLength, bytes, []) === 0 ? undefined : copyOf(bytes))
    },
  },
})

const fileSlots = (slots, name, lastModified) => {
  slots.File = true
  slots.name = name
  slots.lastModified = lastModified
  return slots
}
define('File', {
  parent: 'Blob', length: 2,
  make: (what, { 0: parts, 1: name, 2: options }) => {
    const list = partsOf(parts, what)
    name = usv(name)
    const o = dictionary(options, what, 3), endings = endingsOf(o.endings, what)
    const { type } = o
    const kind = type === undefined ? '' : typeOf(`${type}`)
    const { lastModified } = o
    const when = lastModified === undefined ? host.now() : integer(lastModified)
    return fileSlots(blobSlots(host.concat(endings === 'native', ...elements(list)), kind), name, when)
  },
  members: {
    get name() { return brand(this, 'File').name },
    get lastModified() { return brand(this, 'File').lastModified },
    get webkitRelativePath() { brand(this, 'File'); return '' },
  },
})
