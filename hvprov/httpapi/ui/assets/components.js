// SPDX-License-Identifier: MPL-2.0
// Parts that several views use.

import { html, useEffect, useRef, useState, useCallback } from './vendor/htm-preact.js';
import { get } from './api.js';
import { live } from './live.js';
import { states, powerStates, ago, date } from './format.js';

const shapes = {
  check: 'M3.5 8.5l3 3 6-7', cross: 'M4.5 4.5l7 7m0-7l-7 7', slash: 'M3.8 12.2l8.4-8.4M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11', clock: 'M8 5v3.2l2 1.3M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11',
  question: 'M6 6.2a2 2 0 113 1.7c-.7.4-1 .8-1 1.6m0 2v.1', spin: 'M8 2.5A5.5 5.5 0 112.5 8', play: 'M5.5 3.8v8.4l6.5-4.2z', stop: 'M4.5 4.5h7v7h-7z', pause: 'M6 4v8m4-8v8',
  host: 'M2.5 3.5h11v4h-11zm0 5h11v4h-11zM5 5.5h.1M5 10.5h.1', vm: 'M2.5 3h11v7.5h-11zM6 13.5h4m-2-3v3', job: 'M3 4h1m2.5 0H13M3 8h1m2.5 0H13M3 12h1m2.5 0H13',
  bell: 'M4 11.5V7a4 4 0 018 0v4.5zM2.8 11.5h10.4M7 13.5h2', plus: 'M8 3v10M3 8h10', sun: 'M8 5.2a2.8 2.8 0 100 5.6 2.8 2.8 0 000-5.6M8 1.5v1m0 11v1m6.5-6.5h-1m-11 0h-1m10.1-4.6l-.7.7m-7.8 7.8l-.7.7m0-9.2l.7.7m7.8 7.8l.7.7',
  moon: 'M12.8 9.7A5.3 5.3 0 016.3 3.2a5.3 5.3 0 106.5 6.5z', auto: 'M8 2.5a5.5 5.5 0 100 11zM8 2.5a5.5 5.5 0 010 11', info: 'M8 7.2v4m0-6.6v.1M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11', alert: 'M8 6v3.2m0 2v.1M8 2.5l6 10.8H2z',
  arrow: 'M6 3.5L10.5 8 6 12.5', trash: 'M3 4.5h10M6.5 4.5v-2h3v2m-5 0l.6 9h5.8l.6-9', out: 'M9.5 3h-6v10h6M7 8h6.5m-2-2l2 2-2 2', down: 'M8 3v9m-4-4l4 4 4-4',
};

export function Icon({ name, label }) {
  return html`<svg class=${'icon icon-' + name} viewBox="0 0 16 16" aria-hidden=${label ? undefined : 'true'} role=${label ? 'img' : undefined} aria-label=${label}><path d=${shapes[name]} /></svg>`;
}

// State shows a state by word, symbol and colour.
export function State({ of, power = false }) {
  const [text, tone, icon] = (power && powerStates[of]) || states[of] || [of || 'Unknown', 'idle', 'question'];
  return html`<span class=${'state ' + tone}><${Icon} name=${icon} />${text}</span>`;
}

// Ago shows a time relative to now, and keeps it current.
export function Ago({ at }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 15_000);
    return () => clearInterval(timer);
  }, []);
  return at ? html`<time datetime=${at} title=${date(at)}>${ago(at, now)}</time>` : null;
}

// Fault shows why a request failed, with the remedy and a way to go on.
export function Fault({ problem, retry, children }) {
  if (!problem) return null;
  return html`<div class="fault" role="alert"><${Icon} name="alert" />
    <div><strong>${problem.title || 'The request failed'}</strong><p>${problem.message}</p>
      ${problem.request_id && problem.code === 'internal' && html`<p class="faint">Request ${problem.request_id}</p>`}
      ${children}
      ${retry && html`<button class="button small" onClick=${retry}>Try again</button>`}
    </div></div>`;
}

// Empty says that there is nothing yet, and what to do next.
export function Empty({ icon, title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2><div>${children}</div></div>`;
}

export function Skeleton({ rows = 4 }) {
  return html`<div class="skeleton" role="status"><span class="visually-hidden">Loading…</span>${Array.from({ length: rows }, () => html`<i></i>`)}</div>`;
}

// Dialog is a modal dialog. The browser keeps the focus in it, and closes it with Escape.
export function Dialog({ title, onClose, children }) {
  const ref = useRef();
  useEffect(() => {
    const opener = document.activeElement;
    ref.current.showModal();
    return () => opener?.isConnected && opener.focus();
  }, []);
  return html`<dialog ref=${ref} class="dialog" aria-labelledby="dialog-title" onClose=${onClose} onClick=${(e) => e.target === ref.current && ref.current.close()}>
    <div class="dialog-body"><h2 id="dialog-title">${title}</h2>${children}</div></dialog>`;
}

// useData requests a path, and again when a live message matters to it.
export function useData(path, matters = () => false) {
  const [state, setState] = useState({ data: null, problem: null, path });
  const current = useRef();
  const load = useCallback(async () => {
    if (!path) return;
    current.current?.abort();
    const abort = (current.current = new AbortController());
    try {
      const data = await get(path, { signal: abort.signal });
      setState({ data, problem: null, path });
    } catch (problem) {
      if (problem.name !== 'AbortError') setState((old) => ({ data: old.path === path ? old.data : null, problem, path }));
    }
  }, [path]);
  const filter = useRef(matters);
  filter.current = matters;
  useEffect(() => {
    let timer;
    load();
    const stop = live.on((message) => {
      const again = message.type === 'resync' || (message.type === 'disconnected' && message.attempts > 3); // without live messages: ask
      if (!again && !filter.current(message)) return;
      if (!timer) timer = setTimeout(() => { timer = undefined; load(); }, 250); // several messages, one request
    });
    return () => {
      stop();
      clearTimeout(timer);
      current.current?.abort();
    };
  }, [load]);
  return { data: state.path === path ? state.data : null, problem: state.path === path ? state.problem : null, reload: load };
}

// useLiveState returns whether live messages arrive.
export function useLiveState() {
  const [state, setState] = useState(live.state);
  useEffect(() => {
    setState(live.state);
    return live.on((message) => message.type === 'state' && setState(message.state));
  }, []);
  return state;
}

// Page is the frame of a view: its heading and its actions.
export function Page({ title, crumb, badge, actions, children, wide }) {
  useEffect(() => {
    document.title = `${title} · hvprovd`;
  }, [title]);
  return html`<div class=${'page' + (wide ? ' page-wide' : '')}>
    <header class="page-head"><div>${crumb && html`<p class="crumb">${crumb}</p>`}<h1 tabindex="-1">${title}${badge}</h1></div>
      ${actions && html`<div class="actions">${actions}</div>`}</header>
    ${children}</div>`;
}
