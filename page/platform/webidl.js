// WebIDL: interfaces, conversions and checks of arguments. The files of this folder are the body of one function. Its
// parameters are host, with the functions of Go, and global. This file takes the built-in functions that scripts could
// replace, before a script runs. No file calls a method of an object that scripts can reach, or iterates such an
// object, except where WebIDL says so.
const { apply, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys, setPrototypeOf } = Reflect
const { TypeError, RangeError, Error, Infinity, Uint8Array, ArrayBuffer, Promise, Symbol, Object, Array, Date, JSON, Math, isNaN } = global
const { create, freeze, assign } = Object
const getterOf = (o, name) => getOwnPropertyDescriptor(o, name).get
const call = (f, self, ...args) => apply(f, self, args)

const toStringTag = Symbol.toStringTag, iterator = Symbol.iterator, asyncIterator = Symbol.asyncIterator
const TypedArray = getPrototypeOf(Uint8Array)
const viewBuffer = getterOf(TypedArray.prototype, 'buffer'), viewOffset = getterOf(TypedArray.prototype, 'byteOffset')
const viewLength = getterOf(TypedArray.prototype, 'byteLength')
const dataBuffer = getterOf(DataView.prototype, 'buffer'), dataOffset = getterOf(DataView.prototype, 'byteOffset')
const dataLength = getterOf(DataView.prototype, 'byteLength')
const { slice: bufferSlice } = ArrayBuffer.prototype
const resizable = getterOf(ArrayBuffer.prototype, 'resizable')
const { slice: bytesSlice } = TypedArray.prototype
const { then } = Promise.prototype
const { toWellFormed, slice: stringSlice } = String.prototype, { sort: arraySort } = Array.prototype
const { Map } = global, { set: mapSet, forEach: mapEach } = Map.prototype

// A Slot adds the internal slots of a platform object in a private field. No script can see the field, an object keeps
// it when its prototype changes, and a proxy of the object lacks it.
class Slot extends function (o) { return o } {
  #slots
  constructor(o, slots) {
    super(o)
    this.#slots = slots
  }
  static of(o) {
    return typeof o === 'object' && o !== null && #slots in o ? o.#slots : undefined
  }
}
const slotsOf = Slot.of
const stamp = (o, slots) => new Slot(o, slots)

// brand returns the slots of an object of the interface.
const brand = (o, name) => {
  const slots = slotsOf(o)
  if (slots === undefined || slots[name] !== true) throw new TypeError('Illegal invocation')
  return slots
}
const is = (o, name) => slotsOf(o)?.[name] === true

// need checks the number of arguments.
const need = (has, count, what) => {
  if (has < count) throw new TypeError(`Failed to ${what}: ${count} argument${count === 1 ? '' : 's'} required, but only ${has} present.`)
}
const fail = (what, why) => new TypeError(`Failed to ${what}: ${why}`)

// Conversions. `${v}` is ECMAScript's ToString, and throws for a Symbol.
const usv = v => apply(toWellFormed, `${v}`, [])
const isObject = v => typeof v === 'object' && v !== null || typeof v === 'function'

// integer is the conversion to a long long, without its range.
const integer = v => {
  v = +v
  return isNaN(v) || v === Infinity || v === -Infinity ? 0 : trunc(v) % 2 ** 64 || 0
}
// clamped is the conversion to a [Clamp] long long: the nearest integer, or the even one of two.
const clamped = v => {
  v = +v
  if (isNaN(v)) return 0
  v = min(max(v, -(2 ** 53) + 1), 2 ** 53 - 1)
  const below = floor(v), rest = v - below
  return rest < 0.5 || rest === 0.5 && below % 2 === 0 ? below : below + 1
}
// enforced is the conversion to an [EnforceRange] unsigned long long.
const enforced = (v, what) => {
  v = +v
  if (isNaN(v) || v === Infinity || v === -Infinity || trunc(v) < 0 || trunc(v) > 2 ** 53 - 1)
    throw fail(what, `The value is outside the 'unsigned long long' value range.`)
  return trunc(v)
}
const { trunc, floor, min, max } = Math

// dictionary is the check of a dictionary; its members are read by the caller, in the order of their names.
const dictionary = (v, what, n) => {
  if (v === undefined || v === null) return create(null)
  if (!isObject(v)) throw fail(what, `parameter ${n} is not an object.`)
  return v
}

// sequence is the conversion to a sequence; each is the conversion of an element.
const sequence = (v, each, error) => {
  if (!isObject(v)) throw error()
  const method = v[iterator]
  if (method === undefined || method === null) throw error()
  if (typeof method !== 'function') throw error()
  return iterate(v, method, each)
}
const iterate = (v, method, each) => {
  const it = apply(method, v, []), list = []
  if (!isObject(it)) throw new TypeError('The iterator is not an object')
  const { next } = it
  for (let n = 0; ; n++) {
    const result = apply(next, it, [])
    if (!isObject(result)) throw new TypeError('The result of the iterator is not an object')
    if (result.done) return list
    put(list, n, each(result.value))
  }
}
// put sets an element without a look at Array.prototype.
const put = (list, n, value) => defineProperty(list, n, { __proto__: null, value, writable: true, enumerable: true, configurable: true })

// The kinds of host.kind.
const ARRAY_BUFFER = 1, TYPED_ARRAY = 2, DATA_VIEW = 3, SHARED = 4

// bytesOf returns a Uint8Array with the bytes of a buffer source, not a copy, or undefined for another value.
const bytesOf = v => {
  if (typeof v !== 'object' || v === null) return undefined
  const kind = host.kind(v)
  if (kind === 0) return undefined
  let buffer = v, from = 0, size
  if (kind === TYPED_ARRAY) {
    buffer = apply(viewBuffer, v, []), from = apply(viewOffset, v, []), size = apply(viewLength, v, [])
  } else if (kind === DATA_VIEW) {
    buffer = apply(dataBuffer, v, [])
    try {
      from = apply(dataOffset, v, []), size = apply(dataLength, v, [])
    } catch {
      size = 0 // detached
    }
  }
  if (kind === SHARED || host.kind(buffer) === SHARED) throw new TypeError('A SharedArrayBuffer is not allowed')
  if (apply(resizable, buffer, [])) throw new TypeError('A resizable ArrayBuffer is not allowed')
  return size === 0 || host.detached(buffer) ? new Uint8Array(0) : new Uint8Array(buffer, from, size)
}

// Interfaces.

const interfaces = create(null)

// define makes an interface and its global.
//   length   the number of arguments that the constructor requires
//   make     returns the slots of a new object from the constructor's arguments; without it the constructor throws
//   members  an object with attributes and operations
const define = (name, { parent, length = 0, make, members = {}, statics = {}, constants = {}, tag = name, hidden = false }) => {
  const what = `construct '${name}'`
  const C = class {
    constructor(...args) {
      if (make === undefined) throw new TypeError('Illegal constructor')
      need(args.length, length, what)
      stamp(this, make(what, args, this))
    }
  }
  const visible = { __proto__: null, enumerable: true, configurable: true }
  const constant = o => {
    for (const key of ownKeys(constants)) defineProperty(o, key, { __proto__: null, value: constants[key], enumerable: true })
  }
  defineProperty(C, 'name', { __proto__: null, value: name, configurable: true })
  defineProperty(C, 'length', { __proto__: null, value: length, configurable: true })
  if (parent !== undefined) {
    setPrototypeOf(C, interfaces[parent])
    setPrototypeOf(C.prototype, interfaces[parent].prototype)
  }
  copy(members, C.prototype)
  copy(statics, C)
  constant(C)
  constant(C.prototype)
  defineProperty(C.prototype, toStringTag, { __proto__: null, value: tag, configurable: true })
  interfaces[name] = C
  if (!hidden) globalProperty(name, C)
  return C
}
const copy = (from, to) => {
  for (const key of ownKeys(from)) {
    const d = getOwnPropertyDescriptor(from, key)
    if (typeof key === 'symbol') d.enumerable = false
    setPrototypeOf(d, null)
    defineProperty(to, key, d)
  }
}
const globalProperty = (name, value) => defineProperty(global, name, { __proto__: null, value, writable: true, configurable: true })

// instance returns an object of the interface without a call of its constructor.
const instance = (name, slots) => {
  const o = create(interfaces[name].prototype)
  stamp(o, slots)
  return o
}

// iterable adds entries, keys, values, forEach and the iterator of a list of pairs (WebIDL, "Iterable declarations").
// pairs returns the list of an object: [[name, value], …].
const iterable = (name, pairs) => {
  const proto = create(getPrototypeOf(getPrototypeOf([][iterator]())))
  copy({
    next() {
      const it = slotsOf(this)
      if (it === undefined || it.iterates !== name) throw new TypeError('Illegal invocation')
      const list = pairs(it.target), n = it.next++
      if (n >= list.length) return { value: undefined, done: true }
      const { 0: key, 1: value } = list[n]
      return { value: it.kind === 2 ? [key, value] : it.kind === 1 ? value : key, done: false }
    },
  }, proto)
  defineProperty(proto, toStringTag, { __proto__: null, value: `${name} Iterator`, configurable: true })
  const start = (o, kind) => {
    const it = create(proto)
    stamp(it, { __proto__: null, iterates: name, target: brand(o, name), kind, next: 0 })
    return it
  }
  const members = {
    entries() { return start(this, 2) },
    keys() { return start(this, 0) },
    values() { return start(this, 1) },
    forEach(callback, thisArg = undefined) {
      const me = brand(this, name)
      need(arguments.length, 1, `execute 'forEach' on '${name}'`)
      if (typeof callback !== 'function') throw fail(`execute 'forEach' on '${name}'`, 'parameter 1 is not a function.')
      for (let n = 0, list; n < (list = pairs(me)).length; n++) apply(callback, thisArg, [list[n][1], list[n][0], this])
    },
  }
  const { prototype } = interfaces[name]
  copy(members, prototype)
  defineProperty(prototype, iterator, { __proto__: null, value: members.entries, writable: true, configurable: true })
}

// promised returns a promise of what f returns or throws.
const promised = f => {
  try {
    return resolved(f())
  } catch (error) {
    return rejected(error)
  }
}
const resolved = value => new Promise(resolve => { resolve(value) })
const rejected = error => new Promise((_, reject) => { reject(error) })
// deferred returns a promise with the functions that settle it.
const deferred = () => {
  const d = { __proto__: null }
  d.promise = new Promise((resolve, reject) => { d.resolve = resolve; d.reject = reject })
  return d
}
// react is WebIDL, "react": f and failed run as jobs.
const react = (promise, f, failed) => apply(then, promise, [f, failed])

// Functions on lists of pairs.
const without = (list, drop) => {
  const kept = []
  for (let n = 0; n < list.length; n++) if (!drop(list[n])) put(kept, kept.length, list[n])
  return kept
}
const valueOf = (list, name) => {
  for (let n = 0; n < list.length; n++) if (list[n][0] === name) return list[n][1]
  return null
}
const valuesOf = (list, name) => {
  const found = []
  for (let n = 0; n < list.length; n++) if (list[n][0] === name) put(found, found.length, list[n][1])
  return found
}
const replaced = (list, entry) => {
  let done = false
  const kept = without(list, old => {
    if (old[0] !== entry[0]) return false
    if (done) return true
    done = true
    return false
  })
  if (!done) {
    put(kept, kept.length, entry)
    return kept
  }
  for (let n = 0; n < kept.length; n++) if (kept[n][0] === entry[0]) put(kept, n, entry)
  return kept
}

// elements is for a spread of a list of this file's making: it has an iterator of its own.
const elements = list => ({
  __proto__: null,
  [iterator]: () => { let n = 0; return { __proto__: null, next: () => n < list.length ? { __proto__: null, done: false, value: list[n++] } : { __proto__: null, done: true } } },
})
