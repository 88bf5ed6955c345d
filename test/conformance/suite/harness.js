// The suite's frame. A file of the suite adds groups of rules:
//
//   suite.group(theme, page, [rule, …])
//   page    the page's settings: site, policy, csp, reportOnly, length, cookies, fresh
//   rule    { name, section, run, expect, answers, differs, … }
//
//   run(t)  does what the rule is about, and returns what the page saw of it: an object, or
//           one value, which stands for { returns: value }. What it throws, or what its promise
//           is rejected with, stands for { throws: name }.
//   expect  what the standard says: of what run returned, and of the requests that the
//           collector got, in the order in which it got them. An expected request names the
//           fields that it is about; null is a header that is not there. A number is a count.
//   answers what the collector answers at a place; it answers 204 at others.
//   note    what is to be said of the standard.
//   differs why an engine does something else, by the engine's name.
//   unordered  the requests come in any order; they are compared by their places.
//   needs   what the rule cannot do without, and is no part of what it is about: its name, and
//           a function that tells whether it is there. Without it nothing is run.
//   leave   'navigate' or 'close': what becomes of the page when run is done.
//
// A place is the name of a site in braces and a path, such as {other}/beacon. In a place,
// and in an answer's location, the name stands for a URL below which all is this run's; in
// headers it stands for the origin.
globalThis.suite = (() => {
  const groups = []

  // A trial is what a rule's run is given.
  class Trial {
    constructor(token) {
      this.token = token
    }

    // url is that of a place, of this run only.
    url(place) {
      return place.replace(/\{(\w+)\}/g, (_, site) => `${sites[site]}/c/${this.token}`)
    }

    // beacon sends data to a place.
    beacon(data, place = '{page}/beacon') {
      return navigator.sendBeacon(this.url(place), data)
    }

    // post is fetch with keepalive, and waits for nothing; it resolves to the status or to
    // the error's name.
    post(body, place = '{page}/fetch', init = {}) {
      return fetch(this.url(place), { method: 'POST', keepalive: true, body, ...init })
        .then(response => response.text().then(() => response.status), nameOf)
    }

    sleep(ms) {
      return new Promise(done => setTimeout(done, ms))
    }

    // until waits for what comes in a moment, and returns whether it came.
    async until(condition) {
      for (let i = 0; i < 200; i++) {
        if (condition()) return true
        await this.sleep(20)
      }
      return false
    }

    // arrived waits until the collector has a request for the place, and returns its fields.
    arrived(place, method = '') {
      return this.control('arrived', { at: place, method })
    }

    // answered waits until that request is answered as well.
    answered(place, method = '') {
      return this.control('arrived', { at: place, method, answered: true })
    }

    control(verb, params) {
      return fetch(`${sites.page}/control/${verb}?${new URLSearchParams(params)}`).then(response => response.json())
    }

    // release lets the collector answer what it holds at the place.
    release(place) {
      return this.control('release', { at: place })
    }
  }

  // nameOf is the name of an error of this realm.
  function nameOf(error) {
    const name = error?.name
    return globalThis[name] && error instanceof globalThis[name] ? name : String(error)
  }

  return {
    nameOf,

    group(theme, page, rules) {
      groups.push({ theme, page, rules })
    },

    describe() {
      return JSON.stringify(groups)
    },

    // run resolves to the observation, in JSON.
    async run(group, rule, token) {
      const { needs, run } = groups[group].rules[rule]
      if (needs && !needs[1]()) return JSON.stringify({ missing: needs[0] })
      let seen
      try {
        seen = await run(new Trial(token))
        if (typeof seen !== 'object' || seen === null) seen = { returns: seen }
      } catch (error) {
        seen = { throws: nameOf(error) }
      }
      return JSON.stringify(seen)
    },
  }
})()

// thrown is the name of what a function throws, or null.
globalThis.thrown = what => {
  try {
    what()
    return null
  } catch (error) {
    return suite.nameOf(error)
  }
}

// bytes is an ArrayBuffer of n bytes that count up.
globalThis.bytes = n => Uint8Array.from({ length: n }, (_, i) => i % 256).buffer
