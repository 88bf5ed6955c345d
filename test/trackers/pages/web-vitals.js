import { onCLS, onFCP, onINP, onLCP, onTTFB } from 'web-vitals'

const send = metric => navigator.sendBeacon(collector + '/vitals', JSON.stringify(metric))
for (const on of [onCLS, onFCP, onINP, onLCP, onTTFB]) on(send)
