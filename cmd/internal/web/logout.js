const button = document.getElementById('logout')
const problem = document.getElementById('problem')

button.addEventListener('click', async () => {
  const answer = await fetch('/-/logout', { method: 'POST' }).catch(() => null)
  if (answer?.ok) {
    location.reload()
    return
  }
  problem.hidden = false
  problem.textContent = 'This browser is still logged in, because the collector did not answer. Try again.'
})
