// SPDX-License-Identifier: MPL-2.0
// The view of all hosts: their states, capacity and jobs.

import { html, useState } from './vendor/htm-preact.js';
import { get } from './api.js';
import { gib } from './format.js';
import { Page, State, Ago, Icon, Fault, Empty, Skeleton, useData } from './components.js';

// Meter shows how much of a capacity is used, as a bar and in figures.
function Meter({ label, free, total }) {
  if (total === null || total === undefined) return null;
  const known = free !== null && free !== undefined;
  const used = known ? total - free : 0;
  const percent = Math.round((used / total) * 100);
  return html`<div class="meter"><span>${label}</span><span class="figures">${known ? `${gib(free)} free of ${gib(total)}` : gib(total)}</span>
    ${known && html`<meter class=${percent > 90 ? 'full' : ''} min="0" max="100" value=${percent} aria-label=${`${label}: ${percent} % used`}>${percent} %</meter>`}</div>`;
}

function Host({ host, reload }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const refresh = async () => {
    setBusy(true);
    setProblem(null);
    await get(`/hosts/${encodeURIComponent(host.name)}/inventory?refresh=true`).catch(setProblem);
    setBusy(false);
    reload();
  };
  const c = host.capacity;
  const figure = (n, label, href) => html`<li><a href=${href}><b>${n}</b> ${label}</a></li>`;
  const to = (view) => `#/${view}?host=${encodeURIComponent(host.name)}`;
  return html`<li class="card host">
    <div class="host-head"><h2>${host.name}</h2><${State} of=${host.state} /></div>
    ${host.state === 'disconnected' && html`<div class="note bad"><p>${host.failure?.message || 'The host does not answer.'}</p>
      ${host.failure && html`<p class="faint">Since <${Ago} at=${host.failure.since} />, ${host.failure.count} ${host.failure.count === 1 ? 'attempt' : 'attempts'}. Jobs that run on it continue.</p>`}</div>`}
    ${host.state === 'unknown' && html`<p class="faint">The host was not asked yet.</p>`}
    <ul class="figures-row">
      ${figure(host.vms, host.vms === 1 ? 'virtual machine' : 'virtual machines', to('vms'))}
      ${figure(host.running, 'running', to('jobs'))}
      ${figure(host.queued, 'waiting', to('jobs'))}
      ${host.unknown > 0 && figure(host.unknown, 'unknown', to('jobs'))}
    </ul>
    ${c && html`<${Meter} label="Memory" free=${c.memory_available_bytes} total=${c.memory_bytes} />
      <dl class="facts"><div><dt>Logical processors</dt><dd>${c.logical_processors ?? '–'}</dd></div>
        <div><dt>Free disk space</dt><dd>${gib(c.free_bytes)}</dd></div>
        <div><dt>Images</dt><dd>${c.images?.length ?? '–'}</dd></div></dl>`}
    ${(host.partial || []).map((text) => html`<p class="note warn">${text}</p>`)}
    <${Fault} problem=${problem} />
    <footer><span class="faint">${host.seen ? html`Read <${Ago} at=${host.seen} />` : 'Not read yet'}${host.agent && host.agent !== 'ready' ? ` · agent ${host.agent}` : ''}</span>
      <button class="button small" disabled=${busy} onClick=${refresh} aria-label=${busy ? `Reading… ${host.name}` : `Read now: ${host.name}`}>${busy ? 'Reading…' : 'Read now'}</button></footer>
  </li>`;
}

export function Hosts({ session }) {
  const { data, problem, reload } = useData('/hosts', (m) => ['host', 'inventory'].includes(m.type) || (m.type === 'job' && m.action === 'state'));
  const hosts = data?.hosts || [];
  const sum = (name) => hosts.reduce((total, host) => total + host[name], 0);
  const connected = hosts.filter((host) => host.state === 'connected').length;
  return html`<${Page} title="Hosts" wide actions=${session.role !== 'reader' && html`<a class="button primary" href="#/vms/new"><${Icon} name="plus" />New virtual machine</a>`}>
    <${Fault} problem=${problem} retry=${reload} />
    ${!data && !problem && html`<${Skeleton} />`}
    ${data && hosts.length === 0 && html`<${Empty} icon="host" title="No hosts"><p>Add hosts to the configuration file of <code>hvprovd</code>, then send it SIGHUP.</p></${Empty}>`}
    ${hosts.length > 0 && html`<dl class="strip">
      <div><dt>Connected</dt><dd>${connected}<small> of ${hosts.length}</small></dd></div>
      <div><dt>Virtual machines</dt><dd>${sum('vms')}</dd></div>
      <div><dt>Jobs running</dt><dd>${sum('running')}</dd></div>
      <div><dt>Jobs waiting</dt><dd>${sum('queued')}</dd></div></dl>
      <ul class="cards">${hosts.map((host) => html`<${Host} key=${host.name} host=${host} reload=${reload} />`)}</ul>`}
  </${Page}>`;
}
