import './origin.js'

for (const button of document.querySelectorAll('button.copy')) {
  const code = button.closest('figure').querySelector('code')
  const label = button.querySelector('span')
  let back
  button.addEventListener('click', async () => {
    const said = await copy(code) ? 'Copied' : 'Press Ctrl+C'
    label.textContent = document.getElementById('copied').textContent = said
    clearTimeout(back)
    back = setTimeout(() => { label.textContent = 'Copy'; document.getElementById('copied').textContent = '' }, 2500)
  })
}

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
