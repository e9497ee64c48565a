// Keeps the page up to date: the server tells the log's newest position, the page is fetched again, and the parts
// that differ are exchanged. Without this script the page is complete and stands still.
(() => {
  'use strict';
  const mark = document.getElementById('live');
  if (!mark || !window.EventSource) return;

  const MOST_ATTEMPTS = 8;
  let source = null;
  let wanted = 0;
  let timer = 0;
  let attempts = 0;
  let fetching = false;

  const shown = () => Number(document.getElementById('position')?.value ?? 0);

  function tell(live) {
    const text = live ? mark.dataset.on : mark.dataset.off;
    if (mark.textContent !== text) mark.textContent = text;
    mark.classList.toggle('on', live);
    mark.hidden = false;
  }

  function later(delay_ms) {
    clearTimeout(timer);
    timer = setTimeout(refresh, delay_ms);
  }

  // A reader who is choosing or marking something is not interrupted.
  function occupied() {
    const active = document.activeElement;
    return active?.tagName === 'SELECT' || !(getSelection()?.isCollapsed ?? true);
  }

  function parts(root) {
    return [...root.querySelectorAll('[data-part]')];
  }

  function exchange(old, fresh) {
    const open = [...old.querySelectorAll('details')].map((details) => details.open);
    const focused = old.contains(document.activeElement) ? document.activeElement.id : '';
    fresh.querySelectorAll('details').forEach((details, index) => { details.open = open[index] ?? false; });
    old.replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function swap(next) {
    const fresh = parts(next).map((part) => document.adoptNode(part));
    const old = parts(document);
    if (old.map((part) => part.id).join() !== fresh.map((part) => part.id).join()) return false;
    old.forEach((part, index) => {
      // Open details differ from what the server sends, but not in what they say.
      const same = part.cloneNode(true);
      same.querySelectorAll('details').forEach((details) => { details.open = false; });
      if (!same.isEqualNode(fresh[index])) exchange(part, fresh[index]);
    });
    return true;
  }

  async function refresh() {
    if (fetching || document.hidden || shown() >= wanted) return;
    if (occupied()) return later(2000);
    fetching = true;
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(20000) });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      const next = new DOMParser().parseFromString(text, 'text/html');
      if (occupied()) {
        later(2000);
      } else if (!swap(next)) {
        // The page has other parts now, for example its first donation. The mark goes on as it is.
        const main = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
        const focused = document.activeElement?.id;
        main.querySelector('#live').replaceWith(mark);
        document.querySelector('main').replaceWith(main);
        if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      }
    } catch {
      // Tried again below.
    } finally {
      fetching = false;
    }
    // The views may lag behind the log for a moment.
    attempts = shown() >= wanted ? 0 : attempts + 1;
    if (shown() < wanted && attempts < MOST_ATTEMPTS) later(500 * 2 ** attempts);
  }

  function close() {
    source?.close();
    source = null;
  }

  function open() {
    if (source || document.hidden) return;
    source = new EventSource('/events');
    source.addEventListener('position', (message) => {
      wanted = Number(message.data);
      attempts = 0;
      tell(true);
      // Readers don't all come back at once.
      if (wanted > shown()) later(Math.random() * 400);
    });
    source.addEventListener('lost', () => tell(false));
    source.onerror = () => {
      tell(false);
      // The browser connects again by itself, unless the server refused.
      if (source?.readyState === EventSource.CLOSED) {
        close();
        setTimeout(open, 20000 + Math.random() * 20000);
      }
    };
  }

  // A page that nobody sees holds no connection.
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  open();
})();
