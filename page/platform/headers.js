// Headers (Fetch, "Headers class"). The slots have list: [[name, value], …] with names in lower case.
const headerName = (what, name) => {
  name = byteString(what, name)
  if (!host.isToken(name)) throw fail(what, 'Invalid name')
  return apply(toLowerCase, name, [])
}
const headerValue = (what, value) => {
  value = host.trimHeader(byteString(what, value))
  if (value === null) throw fail(what, 'Invalid value')
  return value
}
const byteString = (what, v) => {
  v = `${v}`
  if (!host.isByteString(v)) throw fail(what, 'String contains non ISO-8859-1 code point.')
  return v
}
const { toLowerCase } = String.prototype

const append = (me, what, name, value) => {
  name = headerName(what, name)
  put(me.list, me.list.length, [name, headerValue(what, value)])
}
const fillHeaders = (me, what, init) => {
  if (!isObject(init)) throw fail(what, "The provided value is not of type '(record<ByteString, ByteString> or sequence<sequence<ByteString>>)'.")
  const method = init[iterator]
  if (method !== undefined && method !== null) {
    if (typeof method !== 'function') throw fail(what, 'The object is not iterable.')
    const error = () => fail(what, 'Invalid value')
    const list = iterate(init, method, pair => sequence(pair, v => byteString(what, v), error))
    for (let n = 0; n < list.length; n++) {
      if (list[n].length !== 2) throw error()
      append(me, what, list[n][0], list[n][1])
    }
    return
  }
  const keys = ownKeys(init), pairs = []
  for (let n = 0; n < keys.length; n++) {
    const d = getOwnPropertyDescriptor(init, keys[n])
    if (d !== undefined && d.enumerable) put(pairs, pairs.length, [byteString(what, keys[n]), byteString(what, init[keys[n]])])
  }
  for (let n = 0; n < pairs.length; n++) append(me, what, pairs[n][0], pairs[n][1])
}
const combined = (list, name) => {
  let value = null
  for (let n = 0; n < list.length; n++) if (list[n][0] === name) value = value === null ? list[n][1] : `${value}, ${list[n][1]}`
  return value
}
// sorted is Fetch, "sort and combine".
const sorted = me => {
  const names = [], result = []
  for (let n = 0; n < me.list.length; n++) if (valueOf(result, me.list[n][0]) === null) {
    put(result, result.length, [me.list[n][0], true])
    put(names, names.length, me.list[n][0])
  }
  apply(arraySort, names, [])
  const pairs = []
  for (let n = 0; n < names.length; n++) {
    if (names[n] !== 'set-cookie') put(pairs, pairs.length, [names[n], combined(me.list, names[n])])
    else for (let k = 0; k < me.list.length; k++) if (me.list[k][0] === 'set-cookie') put(pairs, pairs.length, me.list[k])
  }
  return pairs
}
define('Headers', {
  make: (what, { 0: init }) => {
    const me = { __proto__: null, Headers: true, list: [] }
    if (init !== undefined) fillHeaders(me, what, init)
    return me
  },
  members: {
    append(name, value) {
      const me = brand(this, 'Headers'), what = "execute 'append' on 'Headers'"
      need(arguments.length, 2, what)
      append(me, what, name, value)
    },
    delete(name) {
      const me = brand(this, 'Headers'), what = "execute 'delete' on 'Headers'"
      need(arguments.length, 1, what)
      name = headerName(what, name)
      me.list = without(me.list, pair => pair[0] === name)
    },
    get(name) {
      const me = brand(this, 'Headers'), what = "execute 'get' on 'Headers'"
      need(arguments.length, 1, what)
      return combined(me.list, headerName(what, name))
    },
    getSetCookie() { return valuesOf(brand(this, 'Headers').list, 'set-cookie') },
    has(name) {
      const me = brand(this, 'Headers'), what = "execute 'has' on 'Headers'"
      need(arguments.length, 1, what)
      return combined(me.list, headerName(what, name)) !== null
    },
    set(name, value) {
      const me = brand(this, 'Headers'), what = "execute 'set' on 'Headers'"
      need(arguments.length, 2, what)
      name = headerName(what, name)
      me.list = replaced(me.list, [name, headerValue(what, value)])
    },
  },
})
iterable('Headers', sorted)
