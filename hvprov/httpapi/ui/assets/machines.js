// SPDX-License-Identifier: MPL-2.0
// The inventory of virtual machines with the placeholders of jobs, and one virtual machine.

import { html, useState, useRef, useEffect } from './vendor/htm-preact.js';
import { post, query, newKey } from './api.js';
import { gb, operations, powerActions } from './format.js';
import { Page, State, Ago, Icon, Fault, Empty, Skeleton, Dialog, useData } from './components.js';
import { JobTable } from './jobs.js';

const placeholders = ['creating', 'updating', 'deleting'];
const pathOf = (host, id) => `/vms/${encodeURIComponent(host)}/${encodeURIComponent(id)}`;

export function Machines({ parameters, session }) {
  const [text, setText] = useState(parameters.get('text') || '');
  const [host, setHost] = useState(parameters.get('host') || '');
  const [state, setState] = useState('');
  const { data, problem, reload } = useData('/inventory', (m) => m.type === 'inventory' || m.type === 'host');
  const hosts = data?.hosts || [];
  const all = hosts.flatMap((each) => each.vms.map((vm) => ({ ...vm, host: each.host, stale: each.state !== 'connected' })));
  const wanted = text.trim().toLowerCase();
  const rows = all.filter((vm) => (!host || vm.host === host) && (!state || vm.state === state)
    && (!wanted || [vm.name, vm.id, ...(vm.vm?.ip_addresses || [])].some((value) => value?.toLowerCase().includes(wanted))))
    .sort((a, b) => Boolean(b.job_id) - Boolean(a.job_id) || a.name.localeCompare(b.name, undefined, { numeric: true }));
  const found = [...new Set(all.map((vm) => vm.state))].sort();
  const asleep = hosts.filter((each) => each.state === 'disconnected');
  return html`<${Page} title="Virtual machines" wide actions=${session.role !== 'reader' && html`<a class="button primary" href="#/vms/new"><${Icon} name="plus" />New virtual machine</a>`}>
    <form class="filters" role="search" aria-label="Filter virtual machines" onSubmit=${(e) => e.preventDefault()}>
      <label>Search<input type="search" value=${text} placeholder="Name or address" onInput=${(e) => setText(e.target.value)} /></label>
      <label>Host<select value=${host} onChange=${(e) => setHost(e.target.value)}><option value="">All hosts</option>${hosts.map((h) => html`<option value=${h.host}>${h.host}</option>`)}</select></label>
      <label>State<select value=${state} onChange=${(e) => setState(e.target.value)}><option value="">All states</option>${found.map((s) => html`<option value=${s}>${s}</option>`)}</select></label>
      <p class="result" role="status">${data && `${rows.length} of ${all.length}`}</p>
    </form>
    <${Fault} problem=${problem} retry=${reload} />
    ${asleep.length > 0 && html`<p class="note warn"><${Icon} name="alert" />${asleep.map((h) => h.host).join(', ')} ${asleep.length > 1 ? 'do' : 'does'} not answer: what is shown is as of the last reading.</p>`}
    ${!data && !problem && html`<${Skeleton} rows=${6} />`}
    ${data && rows.length === 0 && (all.length > 0
      ? html`<${Empty} icon="vm" title="No virtual machine matches"><button class="button" onClick=${() => { setText(''); setHost(''); setState(''); }}>Show all virtual machines</button></${Empty}>`
      : html`<${Empty} icon="vm" title="No virtual machines"><p>The hosts have reported none yet.</p>${session.role !== 'reader' && html`<a class="button primary" href="#/vms/new">New virtual machine</a>`}</${Empty}>`)}
    ${rows.length > 0 && html`<div class="table-wrap" role="region" aria-label="Virtual machines" tabindex="0"><table>
      <caption class="visually-hidden">Virtual machines</caption>
      <thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col" class="opt">Host</th><th scope="col" class="opt2 num">vCPUs</th><th scope="col" class="opt num">Memory</th><th scope="col" class="opt2">Addresses</th><th scope="col" class="opt">Job</th></tr></thead>
      <tbody>${rows.map((vm) => html`<tr key=${vm.host + vm.id + vm.name} class=${(placeholders.includes(vm.state) ? 'placeholder' : '') + (vm.stale ? ' stale' : '')}>
        <th scope="row">${vm.id ? html`<a href=${'#' + pathOf(vm.host, vm.id)}><b>${vm.name}</b></a>` : html`<b>${vm.name}</b>`}
          <span class="sub only-narrow">${vm.host}${vm.job_id && html` · <a href=${'#/jobs/' + vm.job_id}>job</a>`}</span></th>
        <td><${State} of=${vm.state} power /></td>
        <td class="opt">${vm.host}</td>
        <td class="opt2 num">${vm.vm?.processor_count ?? '–'}</td><td class="opt num">${vm.vm ? gb(vm.vm.memory_gb) : '–'}</td>
        <td class="opt2">${vm.vm?.ip_addresses?.join(', ') || '–'}</td>
        <td class="opt">${vm.job_id ? html`<a href=${'#/jobs/' + vm.job_id} aria-label=${`${operations[vm.operation] || 'Job'} of ${vm.name}`}>${operations[vm.operation] || 'Job'}</a>` : '–'}</td></tr>`)}</tbody></table></div>`}
  </${Page}>`;
}

// DeleteDialog asks for the name of a virtual machine before it is deleted.
function DeleteDialog({ host, vm, onClose }) {
  const [name, setName] = useState('');
  const [fault, setFault] = useState('');
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const key = useRef(newKey());
  const input = useRef();
  useEffect(() => input.current.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    if (name.trim().toLowerCase() !== vm.name.toLowerCase()) {
      setFault(`Type ${vm.name} to confirm.`);
      return input.current.focus();
    }
    setBusy(true);
    try {
      const job = await post('/jobs/delete', { host, vm_id: vm.id }, { headers: { 'Idempotency-Key': key.current } });
      onClose();
      location.hash = `/jobs/${job.id}`;
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${`Delete ${vm.name}?`} onClose=${onClose}><form onSubmit=${submit} novalidate>
    <p>The virtual machine is turned off and deleted with the disks that jobs created. This cannot be undone.</p>
    <${Fault} problem=${problem} />
    <div class=${'field' + (fault ? ' wrong' : '')}><label for="confirm-name">Name of the virtual machine</label>
      <input id="confirm-name" ref=${input} value=${name} autocomplete="off" spellcheck="false" onInput=${(e) => setName(e.target.value)} aria-describedby="confirm-fault" aria-invalid=${fault ? 'true' : undefined} />
      <p class="field-fault" id="confirm-fault" role="alert">${fault && html`<${Icon} name="alert" />${fault}`}</p></div>
    <div class="actions"><button type="button" class="button" onClick=${onClose}>Keep it</button><button class="button danger" disabled=${busy}>${busy ? 'Submitting…' : 'Delete'}</button></div>
  </form></${Dialog}>`;
}

// PowerDialog asks for a change of the power state.
function PowerDialog({ host, vm, onClose }) {
  const choices = actionsOf(vm);
  const [action, setAction] = useState(choices[0]);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const key = useRef(newKey());
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const job = await post('/jobs/power', { host, vm_id: vm.id, values: { power_action: action } }, { headers: { 'Idempotency-Key': key.current } });
      onClose();
      location.hash = `/jobs/${job.id}`;
    } catch (error) {
      key.current = newKey();
      setProblem(error);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${`Power of ${vm.name}`} onClose=${onClose}><form onSubmit=${submit}>
    <${Fault} problem=${problem} />
    <div class="field"><label for="power-action">Action</label>
      <select id="power-action" value=${action} aria-describedby="power-text" onChange=${(e) => { setAction(e.target.value); key.current = newKey(); }}>${choices.map((id) => html`<option value=${id}>${powerActions[id][0]}</option>`)}</select>
      <p class="help" id="power-text">${powerActions[action][2]}</p></div>
    <div class="actions"><button type="button" class="button" onClick=${onClose}>Go back</button>
      <button class=${'button ' + (['turn_off', 'reset'].includes(action) ? 'danger' : 'primary')} disabled=${busy}>${busy ? 'Submitting…' : powerActions[action][0]}</button></div>
  </form></${Dialog}>`;
}

// actionsOf returns the power actions that the state of a virtual machine allows.
const actionsOf = (vm) => Object.keys(powerActions).filter((id) => powerActions[id][1].includes(vm.power_state));

const yesNo = (value) => (value === null || value === undefined ? '–' : value ? 'Yes' : 'No');

export function Machine({ parts: [host, id], session }) {
  const [deleting, setDeleting] = useState(false);
  const [power, setPower] = useState(false);
  const inventory = useData(`/hosts/${encodeURIComponent(host)}/inventory`, (m) => m.type === 'inventory' && m.host?.toLowerCase() === host.toLowerCase());
  const item = inventory.data?.vms.find((vm) => vm.id.toLowerCase() === id.toLowerCase());
  const jobs = useData(item ? '/jobs' + query({ host, vm_name: item.name, limit: 10 }) : '', (m) => m.type === 'job' && m.action === 'state');
  const crumb = html`<a href="#/vms">Virtual machines</a>`;
  if (!inventory.data) return html`<${Page} title="Virtual machine" crumb=${crumb}>${inventory.problem ? html`<${Fault} problem=${inventory.problem} retry=${inventory.reload} />` : html`<${Skeleton} />`}</${Page}>`;
  if (!item) {
    return html`<${Page} title="Virtual machine" crumb=${crumb}><${Empty} icon="vm" title=${`${host} has no such virtual machine`}><p>It was deleted, or has moved to another host.</p><a class="button" href="#/vms">Show all virtual machines</a></${Empty}></${Page}>`;
  }
  const vm = item.vm;
  const busy = Boolean(item.job_id);
  const fact = (label, value) => html`<div><dt>${label}</dt><dd>${value ?? '–'}</dd></div>`;
  return html`<${Page} title=${item.name} crumb=${crumb} badge=${html`<${State} of=${item.state} power />`}
    actions=${session.role !== 'reader' && vm && html`<a class=${'button' + (busy ? ' disabled' : '')} href=${busy ? undefined : '#' + pathOf(host, id) + '/change'} aria-disabled=${busy ? 'true' : undefined} role="link">Change</a>
      ${actionsOf(vm).length > 0 && html`<button class="button" disabled=${busy} onClick=${() => setPower(true)}>Power</button>`}
      <button class="button danger-quiet" disabled=${busy} onClick=${() => setDeleting(true)}><${Icon} name="trash" />Delete</button>`}>
    ${busy && html`<p class="note busy"><${Icon} name="spin" />A job works on it: <a href=${'#/jobs/' + item.job_id}>${operations[item.operation] || 'show the job'}</a></p>`}
    ${vm && html`<section class="card"><h2>Machine</h2><dl class="facts wide">
      ${fact('Host', host)}${fact('Generation', vm.generation)}${fact('vCPUs', vm.processor_count)}${fact('Memory', gb(vm.memory_gb))}
      ${fact('Dynamic memory', vm.dynamic_memory?.enabled ? `${gb(vm.dynamic_memory.minimum_gb)} to ${gb(vm.dynamic_memory.maximum_gb)}` : 'No')}
      ${fact('Secure boot', yesNo(vm.secure_boot))}${fact('Virtual TPM', yesNo(vm.tpm))}${fact('Clustered', yesNo(vm.clustered))}
      ${fact('Checkpoints', vm.checkpoint_type || '–')}${fact('Heartbeat', vm.heartbeat || '–')}${fact('GUID', html`<code>${vm.id}</code>`)}${vm.notes && fact('Notes', vm.notes)}</dl></section>
    <section class="card"><h2>Network adapters</h2>${vm.adapters?.length ? html`<div class="table-wrap" role="region" aria-label="Network adapters" tabindex="0"><table><caption class="visually-hidden">Network adapters</caption><thead><tr><th scope="col">Name</th><th scope="col">Switch</th><th scope="col" class="opt num">VLAN</th><th scope="col" class="opt">MAC address</th><th scope="col">Addresses</th></tr></thead>
      <tbody>${vm.adapters.map((a) => html`<tr><th scope="row">${a.name}</th><td>${a.switch_name || 'Not connected'}</td><td class="opt num">${a.vlan_id || 'Untagged'}</td><td class="opt"><code>${a.mac_address}</code></td><td>${a.ip_addresses?.join(', ') || '–'}</td></tr>`)}</tbody></table></div>` : html`<p class="faint">None.</p>`}</section>
    <section class="card"><h2>Disks</h2>${vm.drives?.length ? html`<ul class="paths">${vm.drives.map((d) => html`<li><code>${d.path}</code><span class="faint">${[d.controller, d.size_gb && gb(d.size_gb), d.type].filter(Boolean).join(' · ')}</span></li>`)}</ul>` : html`<p class="faint">None.</p>`}</section>`}
    <section><h2>Jobs</h2>${jobs.data?.jobs.length ? html`<${JobTable} jobs=${jobs.data.jobs} caption=${`Jobs of ${item.name}`} now=${Date.now()} />` : html`<p class="faint">No job of this server has worked on it.</p>`}
    ${inventory.data.seen && html`<p class="faint">Read from the host <${Ago} at=${inventory.data.seen} />.</p>`}</section>
    ${power && html`<${PowerDialog} host=${host} vm=${vm} onClose=${() => setPower(false)} />`}
    ${deleting && html`<${DeleteDialog} host=${host} vm=${vm} onClose=${() => setDeleting(false)} />`}
  </${Page}>`;
}
