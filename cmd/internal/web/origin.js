// Puts this collector's origin into the commands that the pages show.
for (const code of document.querySelectorAll('code')) {
  code.textContent = code.textContent.replaceAll('{origin}', location.origin)
}
