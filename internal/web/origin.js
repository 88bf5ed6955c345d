// What the pages say to type names the collector that they came from.
for (const code of document.querySelectorAll('code')) {
  code.textContent = code.textContent.replaceAll('{origin}', location.origin)
}
