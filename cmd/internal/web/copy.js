import './origin.js'

const timers = new WeakMap()

// On the document, because parts of a page are replaced.
document.addEventListener('click', async e => {
  const button = e.target.closest('button.copy')
  if (!button) return
  const label = button.querySelector('span')
  const status = document.getElementById('copied')
  const said = await copy(button.closest('figure').querySelector('code')) ? 'Copied' : 'Press Ctrl+C'
  label.textContent = status.textContent = said
  clearTimeout(timers.get(button))
  timers.set(button, setTimeout(() => { label.textContent = 'Copy'; status.textContent = '' }, 2500))
})

async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent)
    return true
  } catch {
    // No clipboard on plain http off loopback: what is selected can still be copied.
    getSelection().selectAllChildren(code)
    return document.execCommand('copy')
  }
}
