// A placeholder until the page is there: shows what the server sends.
const client = crypto.randomUUID().replaceAll('-', '');
const events = new EventSource(`/api/events?client=${client}`);
const main = document.getElementById('board');
for (const name of ['hello', 'summary', 'trouble']) {
  const pre = main.appendChild(document.createElement('pre'));
  events.addEventListener(name, ({ data }) => {
    pre.textContent = `${name} ${JSON.stringify(JSON.parse(data), null, 2)}`;
  });
}
