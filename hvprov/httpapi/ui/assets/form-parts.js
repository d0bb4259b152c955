// SPDX-License-Identifier: MPL-2.0
// Parts of the views with a form: the panel beside it, and the sections in it.

import { html } from './vendor/htm-preact.js';
import { Icon, Fault } from './components.js';
import { FormContext, Fields } from './form.js';
import { idOf } from './form-model.js';

// Section is a part of a form with the fields that pass a filter.
export function Section({ form, title, text, filter }) {
  return html`<section class="card form-section"><h2>${title}</h2>${text && html`<p class="faint">${text}</p>`}
    <${FormContext.Provider} value=${form}><div class="grid"><${Fields} node=${form.schema} state=${form.root} onChange=${form.setRoot} filter=${filter} /></div></${FormContext.Provider}></section>`;
}

// Panel shows what the server thinks of the values, and has the button to submit them.
export function Panel({ form, button, disabled, children }) {
  const errors = form.faults.filter((f) => f.severity !== 'warning');
  const warnings = form.faults.filter((f) => f.severity === 'warning');
  const go = (fault) => (event) => {
    event.preventDefault();
    const target = document.getElementById(idOf(fault.field)) || document.getElementById('form-problem');
    target?.scrollIntoView({ block: 'center' });
    target?.focus({ preventScroll: true });
  };
  const item = (fault) => html`<li key=${fault.field + fault.message}>${fault.field ? html`<a href=${'#' + idOf(fault.field)} onClick=${go(fault)}>${fault.message}</a>` : html`${fault.message}${fault.remedy && ` ${fault.remedy}`}`}</li>`;
  const [text, tone] = form.checking ? ['Checking…', 'idle'] : errors.length ? [`${errors.length} to correct`, 'bad'] : form.all.some((f) => f.severity !== 'warning') ? ['Not complete yet', 'idle']
    : form.hostChecked ? ['Checked with the host', 'good'] : ['Not checked yet', 'idle'];
  return html`<aside class="panel card" aria-label="Check and submit">
    ${children}
    <p class=${'state ' + tone} role="status"><${Icon} name=${{ good: 'check', bad: 'cross', idle: 'clock' }[tone]} />${text}</p>
    ${errors.length > 0 && html`<ul class="faults">${errors.map(item)}</ul>`}
    ${warnings.length > 0 && html`<ul class="faults warnings">${warnings.map(item)}</ul>`}
    <div id="form-problem" tabindex="-1">
      <${Fault} problem=${form.problem}>${form.problem?.job_id && html`<p><a href=${'#/jobs/' + form.problem.job_id}>Show the job that holds it</a></p>`}
        ${form.problem?.code === 'schema_mismatch' && html`<p>Reload the page to get the form of the new version.</p>`}</${Fault}>
      ${form.hostProblem && html`<${Fault} problem=${{ ...form.hostProblem, message: form.hostProblem.detail }} />`}</div>
    <div class="actions"><button class="button primary" disabled=${form.busy || disabled}>${form.busy ? 'Submitting…' : button}</button></div>
  </aside>`;
}
