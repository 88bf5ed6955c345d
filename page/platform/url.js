// URL (URL standard). The slots have the parts of the URL, in the order in which host.parseURL returns them.
const urlParts = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash']
const setParts = (me, parts) => {
  for (let n = 0; n < urlParts.length; n++) me[urlParts[n]] = parts[n]
}
// changeURL sets a part of the URL.
const changeURL = (me, name, value) => setParts(me, host.changeURL(me.href, name, value))

const urlSlots = parts => {
  const me = { __proto__: null, URL: true }
  setParts(me, parts)
  me.params = instance('URLSearchParams', paramsSlots(parseParams(queryOf(me)), me))
  return me
}
const queryOf = me => apply(stringSlice, me.search, [1])
const refresh = me => { slotsOf(me.params).list = parseParams(queryOf(me)) }

// parse returns the parts, or null.
const parse = args => {
  const text = usv(args[0])
  return host.parseURL(text, args.length > 1 && args[1] !== undefined ? usv(args[1]) : undefined)
}
const attributes = { __proto__: null }
for (const name of urlParts) {
  const what = `set the '${name}' property on 'URL'`
  const get = getOwnPropertyDescriptor({ get [name]() { return brand(this, 'URL')[name] } }, name).get
  const set = getOwnPropertyDescriptor({
    set [name](value) {
      const me = brand(this, 'URL')
      value = usv(value)
      if (name === 'href') {
        const parts = host.parseURL(value, undefined)
        if (parts === null) throw fail(what, 'Invalid URL')
        setParts(me, parts)
      } else {
        changeURL(me, name, value)
      }
      if (name === 'href' || name === 'search') refresh(me)
    },
  }, name).set
  attributes[name] = { __proto__: null, get, set: name === 'origin' ? undefined : set, enumerable: true, configurable: true }
}

define('URL', {
  length: 1,
  make: (what, args) => {
    const parts = parse(args)
    if (parts === null) throw fail(what, 'Invalid URL')
    return urlSlots(parts)
  },
  members: {
    get searchParams() { return brand(this, 'URL').params },
    toString() { return brand(this, 'URL').href },
    toJSON() { return brand(this, 'URL').href },
  },
  statics: {
    parse(url, base = undefined) {
      need(arguments.length, 1, "execute 'parse' on 'URL'")
      const parts = parse(arguments)
      return parts === null ? null : instance('URL', urlSlots(parts))
    },
    canParse(url, base = undefined) {
      need(arguments.length, 1, "execute 'canParse' on 'URL'")
      return parse(arguments) !== null
    },
  },
})
for (const name of urlParts) defineProperty(interfaces.URL.prototype, name, attributes[name])
