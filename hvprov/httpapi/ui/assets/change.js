// SPDX-License-Identifier: MPL-2.0
// The form for changes of a virtual machine: what its host shows of it and can change.

import { html, useMemo, useRef, useState } from './vendor/htm-preact.js';
import { Page, Fault, Empty, Skeleton, Dialog, useData } from './components.js';
import { Section, Panel } from './form-parts.js';
import { useForm } from './use-form.js';
import { chosenFor, objectState, valuesOf, variantsOf, fieldsOf } from './form-model.js';

// changeable returns the schema of what can be changed and seen. No field is required: what is not sent stays.
function changeable(schema) {
  const fields = schema.fields.filter((f) => f.observed && f.change !== 'replace').map((f) => ({ ...f, required: false, default: undefined }));
  const has = (id) => fields.some((f) => f.id === id);
  const sets = (schema.parameter_sets || []).filter((set) => variantsOf(set).every((v) => fieldsOf(v).every(has)));
  return { ...schema, fields, parameter_sets: sets };
}

// differences returns the fields whose values have changed. A number that is taken away is 0 where that is no value, and a list that can be is empty.
function differences(schema, before, values) {
  const changed = {};
  for (const field of schema.fields) {
    let value = values[field.id];
    const old = before[field.id];
    if (value === undefined && old !== undefined) {
      if (field.type === 'list' && !field.validations?.min_items) value = [];
      else if (field.validations?.zero_is_none) value = 0;
      else if (field.type === 'multiline' || field.type === 'mac') value = '';
      else continue;
    }
    if (value !== undefined && JSON.stringify(value) !== JSON.stringify(old)) changed[field.id] = value;
  }
  return changed;
}

// needed returns the values to send with changes: also those that the server requires, and those of sets that a change belongs to.
function needed(schema, whole, values, changed) {
  const ids = new Set([...whole.fields.filter((f) => f.required).map((f) => f.id)]);
  for (const set of schema.parameter_sets) {
    const members = variantsOf(set).flatMap(fieldsOf);
    if (members.some((id) => id in changed)) members.forEach((id) => ids.add(id));
  }
  return { ...Object.fromEntries(Object.entries(values).filter(([id]) => ids.has(id))), ...changed };
}

const show = (value) => (value === undefined || value === '' ? 'not set' : typeof value === 'object' ? JSON.stringify(value) : String(value));

function ChangeForm({ schema: whole, host, vm }) {
  const schema = useMemo(() => changeable(whole), [whole]);
  const start = useMemo(() => {
    const seen = Object.fromEntries(schema.fields.map((f) => [f.id, vm[f.observed]]).filter(([id, value]) => value !== null && value !== undefined && !(value === 0 && schema.fields.find((f) => f.id === id).validations?.zero_is_none) && value !== ''));
    const state = objectState(schema, seen);
    const chosen = chosenFor(schema, state);
    return { state, chosen, before: valuesOf(schema, schema, state, chosen) };
  }, []);
  const [cycle, setCycle] = useState(false);
  const [asking, setAsking] = useState(null);
  const answer = useRef();
  const form = useForm({
    schema, operation: 'update', initial: start.state, chosen: start.chosen,
    submission: (values) => {
      const changed = differences(schema, start.before, values);
      return {
        schema_id: whole.id, schema_version: whole.version, host, vm_id: vm.id, values: needed(schema, whole, values, changed), changed: Object.keys(changed), allow_power_cycle: cycle,
      };
    },
  });
  form.suggestions = {};
  const changes = differences(schema, start.before, valuesOf(schema, schema, form.root, form.chosen));
  const ids = Object.keys(changes);
  const cycles = vm.power_state === 'running' && schema.fields.some((f) => f.id in changes && f.change === 'power_cycle');
  const confirm = () => new Promise((resolve) => {
    answer.current = resolve;
    setAsking(ids);
  });
  const close = (yes) => {
    setAsking(null);
    answer.current?.(yes);
  };
  const submit = async (event) => {
    event.preventDefault();
    if (!ids.length) return;
    const job = await form.submit('/jobs/update', confirm);
    if (job) location.hash = `/jobs/${job.id}`;
  };
  const label = (id) => schema.fields.find((f) => f.id === id).label || id;
  const list = html`<ul class="changes">${ids.map((id) => html`<li key=${id}><b>${label(id)}</b><span><s>${show(start.before[id])}</s> <span aria-hidden="true">→</span><span class="visually-hidden">becomes</span> ${show(changes[id])}</span></li>`)}</ul>`;
  return html`<form class="form-split" onSubmit=${submit} novalidate><div><${Section} form=${form} title="Settings" text="What you do not change stays as it is." filter=${() => true} /></div>
    <${Panel} form=${form} button=${ids.length ? `Apply ${ids.length === 1 ? 'change' : `${ids.length} changes`}` : 'Nothing changed'} disabled=${!ids.length}>
      <h2>Changes</h2>${ids.length ? list : html`<p class="faint">Change a setting to see it here.</p>`}
      ${cycles && html`<label class="check"><input type="checkbox" checked=${cycle} onChange=${(e) => { setCycle(e.target.checked); form.later(true, 150); }} /><span>The virtual machine may be shut down and started again, which some of the changes need.</span></label>`}
    </${Panel}>
    ${asking && html`<${Dialog} title=${`Change ${vm.name}?`} onClose=${() => close(false)}>${list}
      ${cycles && html`<p>${cycle ? 'The virtual machine is shut down and started again.' : 'The virtual machine is not restarted: the job fails if a change needs that.'}</p>`}
      <div class="actions"><button type="button" class="button" onClick=${() => close(false)}>Go back</button><button type="button" class="button primary" onClick=${() => close(true)}>Apply</button></div></${Dialog}>`}
  </form>`;
}

export function ChangeMachine({ parts: [host, id] }) {
  const schema = useData('/schema/job-inputs');
  const inventory = useData(`/hosts/${encodeURIComponent(host)}/inventory`);
  const item = inventory.data?.vms.find((vm) => vm.id.toLowerCase() === id.toLowerCase());
  const crumb = html`<a href="#/vms">Virtual machines</a> / <a href=${`#/vms/${encodeURIComponent(host)}/${id}`}>${item?.name || id}</a>`;
  const problem = schema.problem || inventory.problem;
  return html`<${Page} title=${`Change ${item?.name || 'virtual machine'}`} crumb=${crumb} wide>
    <${Fault} problem=${problem} retry=${() => { schema.reload(); inventory.reload(); }} />
    ${!problem && !(schema.data && inventory.data) && html`<${Skeleton} rows=${6} />`}
    ${schema.data && inventory.data && (item?.vm ? html`<${ChangeForm} schema=${schema.data} host=${host} vm=${item.vm} />`
      : html`<${Empty} icon="vm" title=${`${host} has no such virtual machine`}><a class="button" href="#/vms">Show all virtual machines</a></${Empty}>`)}
  </${Page}>`;
}
