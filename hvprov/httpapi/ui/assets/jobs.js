// SPDX-License-Identifier: MPL-2.0
// The list of jobs, with filters and pages.

import { html, useState, useEffect } from './vendor/htm-preact.js';
import { get, query } from './api.js';
import { duration, date, nameOf, operations, states, verbOf } from './format.js';
import { Page, State, Ago, Fault, Empty, Skeleton, useData } from './components.js';

const jobStates = ['pending', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'unknown'];

// JobTable is a table of jobs.
export function JobTable({ jobs, caption, now }) {
  return html`<div class="table-wrap" role="region" aria-label=${caption} tabindex="0"><table>
    <caption class="visually-hidden">${caption}</caption>
    <thead><tr><th scope="col">Job</th><th scope="col">State</th><th scope="col" class="opt">Host</th><th scope="col" class="opt2">Requester</th><th scope="col" class="opt2 num">Duration</th><th scope="col" class="opt num">Submitted</th></tr></thead>
    <tbody>${jobs.map((job) => html`<tr key=${job.id}>
      <th scope="row"><a href=${'#/jobs/' + job.id}>${verbOf(job)} <b>${nameOf(job)}</b></a>
        <span class="sub only-narrow">${job.host} · <${Ago} at=${job.submitted} /></span></th>
      <td><${State} of=${job.state} />${job.state === 'running' && job.step && html`<span class="sub">${job.step}</span>`}
        ${job.error && html`<span class="sub clip" title=${job.error.message}>${job.error.message}</span>`}</td>
      <td class="opt">${job.host}</td><td class="opt2">${job.requester || '–'}</td>
      <td class="opt2 num">${job.started ? duration(job.started, job.ended || now) : '–'}</td>
      <td class="opt num"><time datetime=${job.submitted} title=${date(job.submitted)}><${Ago} at=${job.submitted} /></time></td></tr>`)}</tbody></table></div>`;
}

export function Jobs({ parameters, session }) {
  const [filter, setFilter] = useState({ host: parameters.get('host') || '', state: parameters.get('state') || '', operation: '', vm_name: '' });
  const [more, setMore] = useState([]); // jobs of further pages
  const [next, setNext] = useState('');
  const [problem, setProblem] = useState(null);
  const { data: hosts } = useData('/hosts');
  const page = useData('/jobs' + query({ ...filter, limit: 50 }), (m) => m.type === 'job');
  useEffect(() => {
    setMore([]);
    setNext('');
  }, [filter]);
  const set = (name) => (event) => setFilter({ ...filter, [name]: event.target.value });
  const loadMore = async () => {
    try {
      const answer = await get('/jobs' + query({ ...filter, limit: 50, cursor: next || page.data.next }));
      setMore([...more, ...answer.jobs]);
      setNext(answer.next || 'end');
    } catch (error) {
      setProblem(error);
    }
  };
  const first = page.data?.jobs || [];
  const known = new Set(first.map((job) => job.id));
  const jobs = [...first, ...more.filter((job) => !known.has(job.id))];
  const filtered = Object.values(filter).some(Boolean);
  const [now] = useState(Date.now());
  return html`<${Page} title="Jobs" wide>
    <form class="filters" role="search" aria-label="Filter jobs" onSubmit=${(e) => e.preventDefault()}>
      <label>Virtual machine<input type="search" value=${filter.vm_name} placeholder="Exact name" onChange=${set('vm_name')} /></label>
      <label>Host<select value=${filter.host} onChange=${set('host')}><option value="">All hosts</option>${(hosts?.hosts || []).map((h) => html`<option value=${h.name}>${h.name}</option>`)}</select></label>
      <label>State<select value=${filter.state} onChange=${set('state')}><option value="">All states</option><option value="pending,queued,running">Active</option>
        ${jobStates.map((s) => html`<option value=${s}>${states[s][0]}</option>`)}</select></label>
      <label>Operation<select value=${filter.operation} onChange=${set('operation')}><option value="">All</option>${Object.entries(operations).map(([o, name]) => html`<option value=${o}>${name}</option>`)}</select></label>
    </form>
    <${Fault} problem=${page.problem || problem} retry=${page.reload} />
    ${!page.data && !page.problem && html`<${Skeleton} />`}
    ${page.data && jobs.length === 0 && (filtered
      ? html`<${Empty} icon="job" title="No job matches"><button class="button" onClick=${() => setFilter({ host: '', state: '', operation: '', vm_name: '' })}>Show all jobs</button></${Empty}>`
      : html`<${Empty} icon="job" title="No jobs yet"><p>A job creates, changes or deletes a virtual machine.</p>${session.role !== 'reader' && html`<a class="button primary" href="#/vms/new">New virtual machine</a>`}</${Empty}>`)}
    ${jobs.length > 0 && html`<${JobTable} jobs=${jobs} caption="Jobs, the newest first" now=${Math.max(now, Date.now())} />`}
    ${(next ? next !== 'end' : page.data?.next) && html`<p class="more"><button class="button" onClick=${loadMore}>Show older jobs</button></p>`}
  </${Page}>`;
}
