// Keeps the figures current and shows moments in the reader's own time zone. The pages work without it.

const gone = document.getElementById('gone')

for (const element of document.querySelectorAll('time')) {
  element.textContent = new Date(element.dateTime).toLocaleString(undefined, {
    dateStyle: 'medium',
    timeStyle: 'medium',
  })
}

async function refresh() {
  if (document.hidden) return
  const response = await fetch('/figures').catch(() => null)
  if (response && !gone.hidden) window.location.replace('/') // It is back: see who is still logged in.
  gone.hidden = response !== null
  if (!response?.ok) return
  for (const { id, value, remark } of await response.json()) {
    const figure = document.querySelector(`[data-figure="${id}"]`)
    if (!figure) continue
    figure.querySelector('.value').textContent = value
    figure.querySelector('.remark').textContent = remark
  }
}

setInterval(refresh, 2000)
