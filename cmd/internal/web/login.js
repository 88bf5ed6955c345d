const form = document.getElementById('login')
const field = document.getElementById('token')
const error = document.getElementById('error')
const busy = document.getElementById('busy')
const button = form.querySelector('button')

const wrong = 'This is not the token of this collector. Copy the whole text of the file operator-token.'
const noAnswer = 'The collector does not answer. Check that it is running, then try again.'

// takeFragment returns the token of the URL that the collector prints, and removes it from the
// address bar and from this tab's history.
function takeFragment() {
  const text = location.hash.slice(1)
  if (text) history.replaceState(null, '', location.pathname + location.search)
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function logIn(token) {
  button.disabled = true
  busy.textContent = 'Logging in…'
  // In the body, because logs and histories have URLs.
  const answer = await fetch('/-/login', { method: 'POST', body: token }).catch(() => null)
  if (answer?.ok) {
    location.replace(target())
    return
  }
  const text = !answer ? noAnswer : answer.status === 401 ? wrong : await answer.text()
  button.disabled = false
  busy.textContent = ''
  show(text)
}

// target returns the page of this collector that was asked for before the login.
function target() {
  const to = new URLSearchParams(location.search).get('to') ?? '/'
  const url = URL.canParse(to, location.origin) ? new URL(to, location.origin) : location
  return url.origin === location.origin && url.pathname !== location.pathname ? url : '/'
}

// show shows the form, with what is wrong or ''.
function show(text) {
  form.hidden = false
  error.textContent = text
  field.setAttribute('aria-invalid', text !== '')
  field.focus()
  field.select()
}

form.addEventListener('submit', event => {
  event.preventDefault()
  // Also the whole URL is taken.
  const given = field.value.trim()
  const at = given.indexOf('/-/login#')
  logIn(at < 0 ? given : given.slice(at + '/-/login#'.length))
})

async function begin() {
  const token = takeFragment()
  if (token) {
    logIn(token)
    return
  }
  // A link of another site to the dashboard ends here too, since it has no cookie with it.
  const answer = await fetch('/', { method: 'HEAD', redirect: 'manual' }).catch(() => null)
  if (answer?.ok) location.replace(target())
  else if (!busy.textContent) show('')
}

// Another URL with a token in the same tab does not load the page anew.
addEventListener('hashchange', begin)
begin()
