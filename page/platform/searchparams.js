// URLSearchParams (URL standard). The slots have list: [[name, value], …], and url, the slots of its URL, or null.
const paramsSlots = (list, url) => ({ __proto__: null, URLSearchParams: true, list, url })

// parseParams returns the list of an application/x-www-form-urlencoded string.
const parseParams = text => pairsOf(host.parseForm(text))
// pairsOf makes pairs of a flat list.
const pairsOf = flat => {
  const list = []
  for (let n = 0; n < flat.length; n += 2) put(list, list.length, [flat[n], flat[n + 1]])
  return list
}
const serializeParams = list => {
  const flat = []
  for (let n = 0; n < list.length; n++) {
    put(flat, 2 * n, list[n][0])
    put(flat, 2 * n + 1, list[n][1])
  }
  return host.encodeForm(...elements(flat))
}
const updated = me => {
  if (me.url !== null) changeURL(me.url, 'search', serializeParams(me.list))
}

const paramsFrom = (what, init) => {
  if (init === undefined) return []
  if (!isObject(init)) {
    const text = usv(init)
    return parseParams(text[0] === '?' ? apply(stringSlice, text, [1]) : text)
  }
  const method = init[iterator]
  if (method !== undefined && method !== null) {
    if (typeof method !== 'function') throw fail(what, 'The object is not iterable.')
    return iterate(init, method, pair => {
      const error = () => fail(what, 'Each pair must be an iterable [name, value] tuple.')
      const two = sequence(pair, usv, error)
      if (two.length !== 2) throw error()
      return two
    })
  }
  const record = new Map(), keys = ownKeys(init)
  for (let n = 0; n < keys.length; n++) {
    const d = getOwnPropertyDescriptor(init, keys[n])
    if (d === undefined || !d.enumerable) continue
    const name = usv(keys[n])
    apply(mapSet, record, [name, usv(init[keys[n]])])
  }
  const list = []
  apply(mapEach, record, [(value, name) => put(list, list.length, [name, value])])
  return list
}

define('URLSearchParams', {
  make: (what, { 0: init }) => paramsSlots(paramsFrom(what, init), null),
  members: {
    get size() { return brand(this, 'URLSearchParams').list.length },
    append(name, value) {
      const me = brand(this, 'URLSearchParams')
      need(arguments.length, 2, "execute 'append' on 'URLSearchParams'")
      const entry = [usv(name), usv(value)]
      put(me.list, me.list.length, entry)
      updated(me)
    },
    delete(name, value = undefined) {
      const me = brand(this, 'URLSearchParams')
      need(arguments.length, 1, "execute 'delete' on 'URLSearchParams'")
      name = usv(name)
      if (value !== undefined) value = usv(value)
      me.list = without(me.list, entry => entry[0] === name && (value === undefined || entry[1] === value))
      updated(me)
    },
    get(name) {
      const me = brand(this, 'URLSearchParams')
      need(arguments.length, 1, "execute 'get' on 'URLSearchParams'")
      return valueOf(me.list, usv(name))
    },
    getAll(name) {
      const me = brand(this, 'URLSearchParams')
      need(arguments.length, 1, "execute 'getAll' on 'URLSearchParams'")
      return valuesOf(me.list, usv(name))
    },
    has(name, value = undefined) {
      const me = brand(this, 'URLSearchParams')
      need(arguments.length, 1, "execute 'has' on 'URLSearchParams'")
      name = usv(name)
      if (value === undefined) return valueOf(me.list, name) !== null
      value = usv(value)
      for (let n = 0; n < me.list.length; n++) if (me.list[n][0] === name && me.list[n][1] === value) return true
      return false
    },
    set(name, value) {
      const me = brand(this, 'URLSearchParams')
      need(arguments.length, 2, "execute 'set' on 'URLSearchParams'")
      me.list = replaced(me.list, [usv(name), usv(value)])
      updated(me)
    },
    sort() {
      const me = brand(this, 'URLSearchParams')
      apply(arraySort, me.list, [(a, b) => a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0])
      updated(me)
    },
    toString() { return serializeParams(brand(this, 'URLSearchParams').list) },
  },
})
iterable('URLSearchParams', me => me.list)
