// FormData (XMLHttpRequest standard). The slots have list: [[name, value], …], where a value is a string or a File.
const entryOf = (what, args) => {
  const name = usv(args[0])
  let value = args[1]
  if (is(value, 'Blob')) {
    const blob = slotsOf(value)
    const filename = args.length > 2 && args[2] !== undefined ? usv(args[2]) : undefined
    if (blob.File !== true || filename !== undefined) {
      value = instance('File', fileSlots(blobSlots(blob.bytes, blob.type), filename ?? (blob.File === true ? blob.name : 'blob'),
        blob.File === true ? blob.lastModified : host.now()))
    }
  } else {
    if (args.length > 2) throw fail(what, "parameter 2 is not of type 'Blob'.")
    value = usv(value)
  }
  return [name, value]
}

define('FormData', {
  make: (what, { 0: form }) => {
    if (form !== undefined) throw fail(what, "parameter 1 is not of type 'HTMLFormElement'.")
    return { __proto__: null, FormData: true, list: [] }
  },
  members: {
    append(name, value, filename = undefined) {
      const me = brand(this, 'FormData'), what = "execute 'append' on 'FormData'"
      need(arguments.length, 2, what)
      const entry = entryOf(what, arguments)
      put(me.list, me.list.length, entry)
    },
    delete(name) {
      const me = brand(this, 'FormData')
      need(arguments.length, 1, "execute 'delete' on 'FormData'")
      name = usv(name)
      me.list = without(me.list, entry => entry[0] === name)
    },
    get(name) {
      const me = brand(this, 'FormData')
      need(arguments.length, 1, "execute 'get' on 'FormData'")
      return valueOf(me.list, usv(name))
    },
    getAll(name) {
      const me = brand(this, 'FormData')
      need(arguments.length, 1, "execute 'getAll' on 'FormData'")
      return valuesOf(me.list, usv(name))
    },
    has(name) {
      const me = brand(this, 'FormData')
      need(arguments.length, 1, "execute 'has' on 'FormData'")
      return valueOf(me.list, usv(name)) !== null
    },
    set(name, value, filename = undefined) {
      const me = brand(this, 'FormData'), what = "execute 'set' on 'FormData'"
      need(arguments.length, 2, what)
      me.list = replaced(me.list, entryOf(what, arguments))
    },
  },
})
iterable('FormData', me => me.list)

// multipart returns { bytes, type } of a form.
const multipart = list => {
  const args = []
  for (let n = 0; n < list.length; n++) {
    const { 0: name, 1: value } = list[n], file = typeof value === 'string' ? undefined : slotsOf(value)
    const at = n * 4
    put(args, at, name)
    put(args, at + 1, file === undefined ? value : file.bytes)
    put(args, at + 2, file?.name)
    put(args, at + 3, file?.type)
  }
  return host.multipart(...elements(args))
}
