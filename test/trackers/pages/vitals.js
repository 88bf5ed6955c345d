// Has the values of web-vitals in window.theirs: the newest ones, and when the page is hidden the last ones.
import { onCLS, onFCP, onINP, onLCP, onTTFB } from 'web-vitals'

window.theirs = {}
for (const on of [onCLS, onFCP, onINP, onLCP, onTTFB]) {
  on(metric => { theirs[metric.name.toLowerCase()] = metric.value }, { reportAllChanges: true })
}
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') navigator.sendBeacon(collector + '/theirs', JSON.stringify({ path: location.pathname, ...theirs }))
})
