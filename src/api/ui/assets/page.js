// Keeps the overview up to date, and shows times in the reader's own zone. The pages work without it.

const clockForm = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const timeForm = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const hourForm = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

function localise(root) {
  for (const time of root.querySelectorAll('time[data-local]')) {
    const at = new Date(time.dateTime);
    const isToday = at.toDateString() === new Date().toDateString();
    const form = time.dataset.local === 'hour' ? hourForm : isToday ? timeForm : clockForm;
    time.textContent = form.format(at);
    time.title = time.dateTime;
  }
}

/** Puts a new rendering in a section's place. What was open stays open, what had the focus keeps it. */
function replace(section, html, lastHtml) {
  if (html === lastHtml) return;
  const selection = getSelection();
  if (selection && !selection.isCollapsed && section.contains(selection.anchorNode)) return;
  const wasOpen = [...section.querySelectorAll('details')].map((details) => details.open);
  const focusable = () => [...section.querySelectorAll('a, summary')];
  const focused = focusable().indexOf(document.activeElement);
  section.innerHTML = html;
  section.querySelectorAll('details').forEach((details, index) => {
    details.open = wasOpen[index] ?? false;
  });
  localise(section);
  if (focused >= 0) focusable()[focused]?.focus({ preventScroll: true });
}

function follow() {
  const live = document.getElementById('live');
  const at = document.getElementById('at');
  const last = {};
  const events = new EventSource('/events');
  const say = (word, isLive) => {
    live.textContent = word;
    document.body.classList.toggle('live', isLive);
  };
  let toldAt = Date.now();
  // The connection may stand while the figures do not come: the service cannot reach Redis.
  setInterval(() => Date.now() - toldAt > 15000 && say('Not up to date; as of', false), 5000);
  events.onmessage = ({ data }) => {
    toldAt = Date.now();
    const told = JSON.parse(data);
    for (const [id, html] of Object.entries(told.sections)) {
      const section = document.getElementById(id);
      if (section) replace(section, html, last[id]);
      last[id] = html;
    }
    const troubles = document.querySelectorAll('.trouble > li').length;
    document.title = troubles > 0 ? `(${troubles}) payment-poller` : 'payment-poller';
    at.dateTime = new Date(told.at).toISOString();
    localise(at.parentElement);
    say('Live, as of', true);
  };
  events.onerror = () => {
    say('Not connected; as of', false);
    // The server refused: the login is over, or the service is.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  };
  events.addEventListener('ended', () => {
    events.close();
    location.reload();
  });
}

localise(document);
if (document.getElementById('overview')) follow();
