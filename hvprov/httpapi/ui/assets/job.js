// SPDX-License-Identifier: MPL-2.0
// The view of one job: its steps, progress and log as they come, and its result.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from './vendor/htm-preact.js';
import { post } from './api.js';
import { duration, date, nameOf, time, verbOf, states } from './format.js';
import { Page, State, Ago, Icon, Fault, Skeleton, Dialog, useData, useLiveState } from './components.js';
import { useJobEvents } from './job-events.js';

const shownLines = 500; // of the log at first; a longer one has a button for the earlier lines

// stepsOf returns the steps of a job with their states, in order.
function stepsOf(events, job) {
  const steps = [];
  let of = 0;
  for (const event of events) {
    const current = steps.at(-1);
    if (event.kind === 'step') {
      of = event.of || of;
      if (current) Object.assign(current, { state: 'succeeded', to: event.time, percent: null });
      steps.push({ name: event.step, text: event.message || event.step, number: event.number, from: event.time, state: 'running' });
    } else if (event.kind === 'progress' && current) {
      current.percent = event.percent;
      current.speed = event.bytes_per_second;
    } else if (event.kind === 'result' && current) {
      Object.assign(current, { state: event.outcome === 'succeeded' ? 'succeeded' : event.outcome, to: event.time, percent: null });
    }
  }
  const last = steps.at(-1);
  if (last?.state === 'running' && job.ended) Object.assign(last, { state: job.state, to: job.ended });
  return { steps, of };
}

function Steps({ steps, of }) {
  return html`<ol class="steps" aria-label="Steps">${steps.map((step) => html`<li key=${step.number} class=${step.state}>
    <${Icon} name=${(states[step.state] || states.unknown)[2]} label=${(states[step.state] || states.unknown)[0]} />
    <div><span>${step.text}</span>${step.percent > 0 && step.percent < 100 && html`<progress max="100" value=${step.percent} aria-label=${step.text}></progress>
      <span class="faint">${step.percent} %${step.speed > 0 && ` · ${(step.speed / 2 ** 20).toFixed(step.speed > 2 ** 20 ? 0 : 2)} MiB/s`}</span>`}</div>
    <span class="took">${duration(step.from, step.to)}</span></li>`)}
    ${of > steps.length && steps.at(-1)?.state === 'running' && html`<li class="rest"><span></span><span class="faint">${of - steps.length} more</span></li>`}</ol>`;
}

const kinds = { step: ['step', 'Step'], progress: ['', 'Progress'], log: ['', ''], warning: ['warn', 'Warning'], undo: ['warn', 'Rollback'], vm: ['step', 'VM'], result: ['step', 'Result'] };

function lineOf(event) {
  switch (event.kind) {
    case 'step': return `${event.number}/${event.of} ${event.message || event.step}`;
    case 'vm': return `the virtual machine has the GUID ${event.vm_id}`;
    case 'progress': return `${event.message || event.step || 'progress'}: ${event.percent} %`;
    case 'result': return event.outcome === 'succeeded' ? 'succeeded' : `${event.outcome}: ${event.error?.message || event.message || ''}`;
    default: return event.message || '';
  }
}

// Log shows the lines of a job. It follows the end for as long as that is in view.
function Log({ events, active }) {
  const box = useRef();
  const [follow, setFollow] = useState(true);
  const [all, setAll] = useState(false);
  const lines = all ? events : events.slice(-shownLines);
  useLayoutEffect(() => {
    if (follow) box.current.scrollTop = box.current.scrollHeight;
  }, [events, follow]);
  const onScroll = () => setFollow(box.current.scrollHeight - box.current.scrollTop - box.current.clientHeight < 24);
  return html`<section class="card log-card"><div class="log-head"><h2>Log</h2><span class="faint">${events.length} ${events.length === 1 ? 'line' : 'lines'}</span>
      ${!follow && html`<button class="button small" onClick=${() => setFollow(true)}><${Icon} name="down" />Follow</button>`}</div>
    <div class="log" ref=${box} onScroll=${onScroll} role="log" aria-live="off" aria-label="Log of the job" tabindex="0">
      ${lines.length < events.length && html`<button class="button small" onClick=${() => { setFollow(false); setAll(true); }}>Show ${events.length - lines.length} earlier lines</button>`}
      ${lines.map((event) => html`<div key=${event.seq} class=${'line ' + (kinds[event.kind]?.[0] || '') + (event.outcome && event.outcome !== 'succeeded' ? ' bad' : '')} data-seq=${event.seq}>
        <time datetime=${event.time}>${time(event.time)}</time>${kinds[event.kind]?.[1] && html`<b>${kinds[event.kind][1]}</b>`}<span>${lineOf(event)}</span></div>`)}
      ${events.length === 0 && html`<p class="faint">${active ? 'The first line appears when the host starts the job.' : 'The host has no events of this job.'}</p>`}
    </div></section>`;
}

// What has become of the virtual machine. Jobs of other operations leave it as it is, or have none.
const outcomes = { provision: 'is ready.', update: 'is ready.', delete: 'is deleted.', power: 'is ready.', export: 'is exported.' };

function Result({ job, isNew }) {
  const { result, error } = job;
  const list = (title, items) => items?.length > 0 && html`<h3>${title}</h3><ul class="paths">${items.map((item) => html`<li>${item}</li>`)}</ul>`;
  const vm = job.operation !== 'delete' && (result?.vm?.id || (job.state === 'succeeded' && job.vm_id));
  return html`<section class=${'card outcome ' + job.state}><h2>Result</h2>
    ${job.state === 'succeeded' && html`<p>${outcomes[job.operation] ? `${result?.vm?.name || job.vm_name || 'The virtual machine'} ${outcomes[job.operation]}` : 'The job is completed.'}</p>`}
    ${job.state === 'unknown' && html`<p>The host does not answer, so the outcome is not known yet. It is asked again by itself.</p>`}
    ${error && html`<p class="outcome-error"><${Icon} name="alert" /><span>${error.message}</span></p>
      ${error.remedy && !error.message.includes(error.remedy) && html`<p><b>What to do:</b> ${error.remedy}</p>`}
      ${error.step && html`<p class="faint">Step ${error.step}${error.field && html`, value of <code>${error.field}</code>`}, code <code>${error.code}</code></p>`}`}
    ${list('Rolled back', result?.undone)}
    ${list('Left on the host', result?.left)}
    ${['failed', 'cancelled'].includes(job.state) && result && !result.undone?.length && !result.left?.length && html`<p class="faint">Nothing had to be rolled back.</p>`}
    <div class="actions start">${vm && html`<a class="button primary" href=${`#/vms/${encodeURIComponent(job.host)}/${encodeURIComponent(vm)}`}>Show the virtual machine</a>`}
      ${isNew && job.state !== 'succeeded' && job.operation === 'provision' && html`<a class="button" href=${`#/vms/new?from=${job.id}`}>Edit and submit again</a>`}</div>
  </section>`;
}

const text = (value) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value));

export function Job({ parts: [id], session }) {
  const { data: job, problem, reload } = useData(`/jobs/${encodeURIComponent(id)}`, (m) => m.type === 'job' && m.job === id && (m.action === 'state' || ['step', 'result', 'vm'].includes(m.event?.kind)));
  const { events, problem: eventsProblem } = useJobEvents(id);
  const [asking, setAsking] = useState(false);
  const [fault, setFault] = useState(null);
  const [, tick] = useState(0);
  const liveState = useLiveState();
  const active = job && ['pending', 'queued', 'running'].includes(job.state);
  useEffect(() => {
    if (!active) return undefined;
    const timer = setInterval(() => tick(Date.now()), 1000); // the durations
    return () => clearInterval(timer);
  }, [active]);
  const { steps, of } = useMemo(() => (job ? stepsOf(events, job) : { steps: [], of: 0 }), [events, job]);
  const crumb = html`<a href="#/jobs">Jobs</a>`;
  if (!job) return html`<${Page} title="Job" crumb=${crumb}>${problem ? html`<${Fault} problem=${problem} retry=${reload}><p><a href="#/jobs">Show all jobs</a></p></${Fault}>` : html`<${Skeleton} />`}</${Page}>`;
  const cancel = async () => {
    setFault(null);
    await post(`/jobs/${job.id}/cancel`).catch(setFault);
    setAsking(false);
    reload();
  };
  const current = steps.at(-1);
  const fact = (label, value) => value && html`<div><dt>${label}</dt><dd>${value}</dd></div>`;
  return html`<${Page} title=${`${verbOf(job)} ${nameOf(job)}`} crumb=${crumb} badge=${html`<${State} of=${job.state} />`} wide
    actions=${active && session.role !== 'reader' && html`<button class="button danger-quiet" disabled=${job.cancel_requested} onClick=${() => setAsking(true)}>${job.cancel_requested ? 'Cancelling…' : 'Cancel job'}</button>`}>
    <p class="visually-hidden" role="status">${`${(states[job.state] || states.unknown)[0]}${job.state === 'running' && current ? `, step ${current.number} of ${of}: ${current.text}` : ''}`}</p>
    <${Fault} problem=${fault} />
    ${problem && liveState === 'live' && html`<${Fault} problem=${problem} retry=${reload} />`}
    ${active && liveState === 'offline' && html`<p class="note warn"><${Icon} name="alert" />The server does not answer. The job continues on its host, and its lines appear here when the server answers again.</p>`}
    ${eventsProblem && eventsProblem.status > 0 && liveState === 'live' && html`<p class="note warn"><${Icon} name="alert" />The log is not complete: ${eventsProblem.message}</p>`}
    ${job.state === 'queued' && html`<p class="note"><${Icon} name="clock" />It waits until ${job.host} is free.</p>`}
    <div class="split"><div>
      ${!active && html`<${Result} job=${job} isNew=${session.role !== 'reader'} />`}
      ${steps.length > 0 && html`<section class="card"><div class="log-head"><h2>Steps</h2><span class="faint">${Math.min(steps.length, of)} of ${of}</span></div><${Steps} steps=${steps} of=${of} /></section>`}
      <${Log} events=${events} active=${active} />
    </div><aside aria-label="About the job"><section class="card"><h2>Job</h2><dl class="facts column">
      ${fact('Host', job.host)}${fact('Virtual machine', job.vm_id && html`<code>${job.vm_id}</code>`)}${fact('Requester', job.requester)}
      ${fact('Submitted', html`<time datetime=${job.submitted}>${date(job.submitted)}</time>`)}
      ${fact('Duration', job.started && duration(job.started, job.ended || undefined))}
      ${fact('Ended', job.ended && html`<${Ago} at=${job.ended} />`)}
      ${fact('Identifier', html`<code>${job.id}</code>`)}</dl></section>
      ${job.values && Object.keys(job.values).length > 0 && html`<section class="card"><h2>Values</h2><dl class="facts column">${Object.entries(job.values).map(([key, value]) => html`<div><dt><code>${key}</code></dt><dd>${text(value)}</dd></div>`)}</dl>
        <p class="faint">Secrets are not kept.</p></section>`}</aside></div>
    ${asking && html`<${Dialog} title="Cancel this job?" onClose=${() => setAsking(false)}><p>The host stops it at the next possible point, and removes what the job has created.</p>
      <div class="actions"><button class="button" onClick=${() => setAsking(false)}>Let it run</button><button class="button danger" onClick=${cancel}>Cancel the job</button></div></${Dialog}>`}
  </${Page}>`;
}
