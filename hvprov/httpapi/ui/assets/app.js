// SPDX-License-Identifier: MPL-2.0
// The frame of the page: session, navigation, theme, and the view of the address.

import { html, render, useEffect, useState, useRef } from './vendor/htm-preact.js';
import { get, request, setSession } from './api.js';
import { live } from './live.js';
import { Icon, Fault, useLiveState } from './components.js';
import { SignIn } from './signin.js';
import { Hosts } from './hosts.js';
import { Machines, Machine } from './machines.js';
import { Jobs } from './jobs.js';
import { Job } from './job.js';
import { NewMachine } from './create.js';
import { ChangeMachine } from './change.js';
import { Notifications } from './notifications.js';

// routes are the views by the address behind the #.
const routes = [
  [/^\/?$/, Hosts, 'hosts'],
  [/^\/vms$/, Machines, 'vms'],
  [/^\/vms\/new$/, NewMachine, 'new'],
  [/^\/vms\/([^/]+)\/([^/]+)$/, Machine, 'vms'],
  [/^\/vms\/([^/]+)\/([^/]+)\/change$/, ChangeMachine, 'vms'],
  [/^\/jobs$/, Jobs, 'jobs'],
  [/^\/jobs\/([^/]+)$/, Job, 'jobs'],
  [/^\/notifications$/, Notifications, 'notifications'],
];

// location of the view: path and parameters of the part behind the #.
function address() {
  const [path, parameters] = location.hash.slice(1).split('?');
  return { path: path || '/', parameters: new URLSearchParams(parameters) };
}

function useAddress() {
  const [at, setAt] = useState(address);
  useEffect(() => {
    const changed = () => setAt(address());
    addEventListener('hashchange', changed);
    changed(); // the address may have changed since the first rendering
    return () => removeEventListener('hashchange', changed);
  }, []);
  return at;
}

// useUnread returns the number of unread notifications, and announces new ones.
function useUnread(announce) {
  const [unread, setUnread] = useState(0);
  useEffect(() => {
    const load = () => get('/notifications?limit=1').then((page) => setUnread(page.unread), () => {});
    load();
    return live.on((message) => {
      if (message.type === 'resync') load();
      if (message.type !== 'notification') return;
      if (message.action === 'read') return setUnread(message.unread);
      announce(message.notification.title);
      load();
    });
  }, []);
  return unread;
}

const themes = { '': ['Theme: that of the system', 'auto', 'light'], light: ['Theme: light', 'sun', 'dark'], dark: ['Theme: dark', 'moon', ''] };

function ThemeSwitch() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme || '');
  const [label, icon, next] = themes[theme];
  const change = () => {
    setTheme(next);
    if (next) document.documentElement.dataset.theme = next;
    else delete document.documentElement.dataset.theme;
    try {
      localStorage.setItem('hvprovd-theme', next);
    } catch { /* storage is blocked: the choice lasts until the page is closed */ }
  };
  return html`<button class="icon-button" onClick=${change} aria-label=${label} title=${label}><${Icon} name=${icon} /></button>`;
}

function LiveState() {
  const state = useLiveState();
  const text = { live: 'Live', connecting: 'Connecting…', offline: 'Reconnecting…' }[state];
  return html`<span class=${'live live-' + state} role="status"><i></i><span>${text}</span></span>`;
}

// Frame is the page of somebody who is signed in.
function Frame({ session, signOut }) {
  const { path, parameters } = useAddress();
  const main = useRef();
  const [said, setSaid] = useState('');
  const unread = useUnread(setSaid);
  const [view, parts, section] = match(path);
  const shown = useRef(path);
  useEffect(() => {
    if (shown.current === path) return; // the page was loaded: the focus stays at its start
    shown.current = path;
    window.scrollTo(0, 0);
    main.current.querySelector('h1')?.focus({ preventScroll: true }); // screen readers read the new view
  }, [path]);
  const link = (href, name, icon, label, extra) => html`<a href=${'#' + href} aria-current=${section === name ? 'page' : undefined}>
    <${Icon} name=${icon} /><span>${label}</span>${extra}</a>`;
  return html`
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); main.current.focus(); }}>Skip to the content</a>
    <header class="top">
      <a class="brand" href="#/" aria-label="hvprovd, hosts"><img src="/icon.svg" alt="" width="26" height="26" /><span>hvprovd</span></a>
      <div class="top-end"><${LiveState} /><${ThemeSwitch} />
        <span class="who" title=${`Role: ${session.role}`}>${session.name}<small>${session.role}</small></span>
        ${session.csrf_token && html`<button class="icon-button" onClick=${signOut} aria-label="Sign out" title="Sign out"><${Icon} name="out" /></button>`}</div>
    </header>
    <nav class="nav" aria-label="Main">
      ${session.role !== 'reader' && link('/vms/new', 'new', 'plus', html`New <abbr title="virtual machine">VM</abbr>`)}
      ${link('/', 'hosts', 'host', 'Hosts')}
      ${link('/vms', 'vms', 'vm', html`<span class="long">Virtual machines</span><span class="short" aria-hidden="true">VMs</span>`)}
      ${link('/jobs', 'jobs', 'job', 'Jobs')}
      ${link('/notifications', 'notifications', 'bell', html`<span class="long">Notifications</span><span class="short" aria-hidden="true">News</span>`,
        unread > 0 && html`<span class="count">${unread > 99 ? '99+' : unread}<span class="visually-hidden"> unread</span></span>`)}
    </nav>
    <main id="main" class="main" tabindex="-1" ref=${main}>
      <${view} key=${path} parts=${parts} parameters=${parameters} session=${session} />
    </main>
    <div class="visually-hidden" role="status" aria-live="polite">${said}</div>`;
}

function match(path) {
  for (const [pattern, view, section] of routes) {
    const found = pattern.exec(path);
    if (found) {
      try {
        return [view, found.slice(1).map(decodeURIComponent), section];
      } catch { /* not a valid address */ }
    }
  }
  return [NotFound, [], ''];
}

function NotFound() {
  return html`<div class="page"><h1 tabindex="-1">Not found</h1><p>There is no such view. <a href="#/">Show the hosts</a></p></div>`;
}

function App() {
  const [state, setState] = useState({ session: null, problem: null, loaded: false });
  const load = () => get('/session').then(begin, (problem) => setState({ session: null, problem, loaded: true }));
  const begin = (session) => {
    setSession(session, (problem) => {
      live.stop();
      setState({ session: null, problem, loaded: true });
    });
    setState({ session, problem: null, loaded: true });
    live.start();
  };
  useEffect(() => {
    load();
    return live.on((message) => {
      if (message.type === 'disconnected' && message.attempts === 1) get('/session').catch(() => {}); // the session may have ended
    });
  }, []);
  const signOut = async () => {
    await request('DELETE', '/session').catch(() => {});
    live.stop();
    setSession(null);
    load();
  };
  if (!state.loaded) return null;
  if (state.session) return html`<${Frame} session=${state.session} signOut=${signOut} />`;
  if (state.problem.status === 401) return html`<${SignIn} problem=${state.problem} onSignedIn=${begin} theme=${ThemeSwitch} />`;
  return html`<main class="alone"><h1 class="visually-hidden">hvprovd</h1><${Fault} problem=${state.problem} retry=${load} /></main>`;
}

const app = document.getElementById('app');
app.replaceChildren();
render(html`<${App} />`, app);
