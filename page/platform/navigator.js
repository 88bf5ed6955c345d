// Navigator (HTML), with sendBeacon (Beacon, "Processing Model").

// beaconBody extracts a body (Fetch, "extract a body") and passes it to send: (url, body, type, form), where body is a
// string or a Uint8Array, and type is undefined for the default of a string or for no Content-Type.
const beaconBody = (url, data) => {
  if (typeof data === 'string') return host.send(url, data)
  const slots = slotsOf(data)
  if (slots !== undefined) {
    if (slots.Blob === true) return host.send(url, slots.bytes, slots.type)
    if (slots.URLSearchParams === true) return host.send(url, serializeParams(slots.list), undefined, true)
    if (slots.FormData === true) {
      const { 0: bytes, 1: type } = multipart(slots.list)
      return host.send(url, bytes, type)
    }
    if (slots.ReadableStream === true)
      throw fail("execute 'sendBeacon' on 'Navigator'", 'sendBeacon cannot have a ReadableStream body.')
  }
  return host.send(url, bytesOf(data) ?? usv(data))
}

define('Navigator', {
  members: {
    get userAgent() { brand(this, 'Navigator'); return host.agent },
    get appCodeName() { brand(this, 'Navigator'); return 'Mozilla' },
    get appName() { brand(this, 'Navigator'); return 'Netscape' },
    get appVersion() { brand(this, 'Navigator'); return host.agent },
    get product() { brand(this, 'Navigator'); return 'Gecko' },
    get platform() { brand(this, 'Navigator'); return host.platform },
    get vendor() { brand(this, 'Navigator'); return '' },
    get language() { brand(this, 'Navigator'); return 'en' },
    get languages() { brand(this, 'Navigator'); return languages },
    get onLine() { brand(this, 'Navigator'); return true },
    get cookieEnabled() { brand(this, 'Navigator'); return host.cookies },
    get hardwareConcurrency() { brand(this, 'Navigator'); return host.cores },
    get webdriver() { brand(this, 'Navigator'); return false },
    sendBeacon(url, data = null) {
      brand(this, 'Navigator')
      need(arguments.length, 1, "execute 'sendBeacon' on 'Navigator'")
      url = `${url}`
      if (data === null || data === undefined) return host.send(url)
      // WebIDL converts data before the URL is parsed.
      return beaconBody(url, data)
    },
  },
})
const languages = freeze(['en'])
globalProperty('navigator', instance('Navigator', { __proto__: null, Navigator: true }))
