// SPDX-License-Identifier: MPL-2.0
// The form of a job, drawn from the job schema.

import { html, useContext, createContext } from './vendor/htm-preact.js';
import { Icon } from './components.js';
import { plain } from './format.js';
import { applies, detailed, inferred, layout, variantsOf, idOf, unitOf } from './form-model.js';

// FormContext is what the parts of a form share: {schema, root, chosen, faults, suggestions, set, choose, touch}.
export const FormContext = createContext(null);

const inputModes = { integer: 'numeric', number: 'decimal', ipv4: 'decimal' };

// Described is the frame of a control: label, description, and the fault of the server.
function Described({ field, path, faults, control, unit, label }) {
  const id = idOf(path);
  const error = faults.find((f) => f.severity !== 'warning');
  const warning = !error && faults[0];
  return html`<div class=${'field' + (error ? ' wrong' : '')} data-path=${path}>
    <label for=${id}>${label}${field.required && html`<span class="required" aria-hidden="true"> required</span>`}</label>
    ${unit ? html`<div class="with-unit">${control}<span class="unit" aria-hidden="true">${unit}</span></div>` : control}
    <p class=${error ? 'field-fault' : 'field-warning'} id=${id + '-fault'} aria-live="polite">${(error || warning) && html`<${Icon} name="alert" /><span>${(error || warning).message}${(error || warning).remedy && html`. <span class="remedy">${(error || warning).remedy}</span>`}</span>`}</p>
    <p class="help" id=${id + '-help'}>${unit && html`<span class="visually-hidden">In ${unit}. </span>`}${plain(field.description)}</p>
    ${field.deprecated && html`<p class="help"><b>Deprecated.</b> ${plain(field.deprecated)}</p>`}
  </div>`;
}

// faultsOf returns the faults of a path.
function faultsOf(form, path) {
  return form.faults.filter((fault) => fault.field === path);
}

// Control is the control of a field that is not a list or an object.
function Control({ field, path, value, onChange, label: given }) {
  const form = useContext(FormContext);
  const faults = faultsOf(form, path);
  const id = idOf(path);
  const [label, unit] = given ? [given, ''] : unitOf(field.label || field.id);
  const common = {
    id, name: path, 'aria-describedby': `${id}-fault ${id}-help`, 'aria-invalid': faults.some((f) => f.severity !== 'warning') ? 'true' : undefined,
    'aria-required': field.required ? 'true' : undefined, onBlur: () => form.touch(path, true),
  };
  const change = (next) => {
    onChange(next);
    form.touch(path, false);
  };
  const guess = inferred(field, form.root);
  const usual = field.default !== undefined ? `Default: ${field.default}` : guess !== undefined ? `From the image: ${guess}` : field.required ? 'Choose…' : 'Not set';
  let control;
  if (field.type === 'boolean' && field.default !== undefined) {
    return html`<div class="field check-field" data-path=${path}><div class="check"><input type="checkbox" ...${common} checked=${value ?? field.default} onChange=${(e) => change(e.target.checked)} /><label for=${id}>${label}</label></div>
      <p class="field-fault" id=${id + '-fault'} aria-live="polite">${faults[0] && html`<${Icon} name="alert" />${faults[0].message}`}</p><p class="help" id=${id + '-help'}>${plain(field.description)}</p></div>`;
  }
  if (field.type === 'boolean' || field.type === 'enum') {
    const options = field.type === 'boolean' ? [['true', 'Yes'], ['false', 'No']] : field.validations.one_of.map((v) => [v, v]);
    control = html`<select ...${common} value=${value === undefined ? '' : String(value)} onChange=${(e) => change(e.target.value === '' ? undefined : field.type === 'boolean' ? e.target.value === 'true' : e.target.value)}>
      <option value="">${usual}</option>${options.map(([v, text]) => html`<option value=${v} selected=${String(value) === v}>${text}</option>`)}</select>`;
  } else if (field.type === 'multiline') {
    control = html`<textarea ...${common} rows="3" value=${value ?? ''} placeholder=${field.hint} spellcheck="false" onInput=${(e) => change(e.target.value)}></textarea>`;
  } else if (field.type === 'secret') {
    control = html`<input ...${common} type="password" autocomplete="new-password" value=${value ?? ''} onInput=${(e) => change(e.target.value)} />`;
  } else {
    const suggestions = form.suggestions[field.id];
    control = html`<input ...${common} type="text" autocomplete="off" autocapitalize="off" spellcheck="false" inputmode=${inputModes[field.type]} value=${value ?? ''}
      placeholder=${field.default !== undefined ? String(field.default) : field.hint} list=${suggestions?.length ? id + '-list' : undefined} class=${inputModes[field.type] ? 'num' : ''} onInput=${(e) => change(e.target.value)} />
      ${suggestions?.length > 0 && html`<datalist id=${id + '-list'}>${suggestions.map((s) => html`<option value=${s}></option>`)}</datalist>`}`;
  }
  return html`<${Described} field=${field} path=${path} faults=${faults} control=${control} unit=${unit} label=${label} />`;
}

const newItem = (field) => (field.items.type === 'object' ? {} : '');

// List is the control of a list, with buttons to add and remove items.
function List({ field, path, value = [], onChange }) {
  const form = useContext(FormContext);
  const faults = faultsOf(form, path);
  const id = idOf(path);
  const single = (field.label || field.id).replace(/^Additional (.)/, (_, first) => first.toUpperCase()).replace(/ies$/, 'y').replace(/s$/, '');
  const focus = (target) => requestAnimationFrame(() => document.getElementById(target)?.focus());
  const add = () => {
    onChange([...value, newItem(field)]);
    const first = field.items.type === 'object' ? `${path}[${value.length}].${field.items.fields[0].id}` : `${path}[${value.length}]`;
    focus(idOf(first));
    form.touch(path, false);
  };
  const remove = (i) => {
    form.removeItem(path, i, value.length);
    onChange(value.filter((_, n) => n !== i));
    focus(id);
    form.touch(path, true);
  };
  const change = (i) => (item) => onChange(value.map((old, n) => (n === i ? item : old)));
  const max = field.validations?.max_items;
  return html`<fieldset class="list" data-path=${path}><legend>${field.label || field.id}${field.required && html`<span class="required"> required</span>`}</legend>
    <p class="help" id=${id + '-help'}>${plain(field.description)}</p>
    <p class="field-fault" aria-live="polite">${faults[0] && html`<${Icon} name="alert" />${faults[0].message}`}</p>
    ${value.map((item, i) => (field.items.type === 'object'
      ? html`<fieldset class="item" key=${i}><legend>${single} ${i + 1}</legend><div class="grid"><${Fields} node=${field.items} state=${item} prefix=${`${path}[${i}].`} onChange=${change(i)} /></div>
        <button type="button" class="button small quiet remove" onClick=${() => remove(i)} aria-label=${`Remove ${single} ${i + 1}`}><${Icon} name="trash" />Remove</button></fieldset>`
      : html`<div class="item row" key=${i}><${Control} field=${{ ...field.items, id: field.id, description: '' }} path=${`${path}[${i}]`} value=${item} onChange=${change(i)} label=${`${single} ${i + 1}`} />
        <button type="button" class="button small quiet remove" onClick=${() => remove(i)} aria-label=${`Remove ${single} ${i + 1}`}><${Icon} name="trash" />Remove</button></div>`))}
    <button type="button" class="button small" id=${id} aria-describedby=${id + '-help'} disabled=${max !== undefined && value.length >= max} onClick=${add}><${Icon} name="plus" />Add ${single.replace(/^[A-Z](?=[a-z])/, (c) => c.toLowerCase())}</button>
  </fieldset>`;
}

// Any is the control of a field of any type.
function Any({ field, path, value, onChange }) {
  const form = useContext(FormContext);
  const exact = detailed(form.schema, form.root, field);
  if (field.type === 'list') return html`<${List} field=${exact} path=${path} value=${value} onChange=${onChange} />`;
  if (field.type === 'object') {
    return html`<fieldset class="list" data-path=${path}><legend>${field.label || field.id}</legend><p class="help">${plain(field.description)}</p><div class="grid"><${Fields} node=${exact} state=${value || {}} prefix=${path + '.'} onChange=${onChange} /></div></fieldset>`;
  }
  return html`<${Control} field=${exact} path=${path} value=${value} onChange=${onChange} />`;
}

// ParameterSet draws a parameter set: radio buttons for its variants, and the fields of the chosen one.
function ParameterSet({ group, state, prefix, onChange }) {
  const form = useContext(FormContext);
  const { set, variant } = group;
  const path = prefix + set.id;
  const variants = variantsOf(set);
  const faults = faultsOf(form, path);
  const name = 'set-' + path;
  const option = (id, text) => html`<label class="radio"><input type="radio" name=${name} id=${idOf(name + '-' + (id || 'none'))} checked=${(variant?.id || '') === id} onChange=${() => form.choose(path, id)} /><span>${text}</span></label>`;
  return html`<fieldset class="list set" data-path=${path}><legend>${set.label || set.id}</legend>
    <p class="help">${plain(set.description)}</p>
    <div class="radios">${option('', 'Not set')}${variants.map((v) => option(v.id, variants.length === 1 ? (set.variants ? v.label : 'Set') : v.label))}</div>
    <p class="field-fault" aria-live="polite">${faults[0] && html`<${Icon} name="alert" />${faults[0].message}`}</p>
    ${group.elsewhere.length > 0 && html`<p class="help">${group.elsewhere.map((f) => f.label).join(', ')}: see above.</p>`}
    ${group.fields.length > 0 && html`<div class="grid">${group.fields.filter((f) => prefix || applies(form.schema, form.root, f)).map((f) => html`<${Any} key=${f.id} field=${f} path=${prefix + f.id} value=${state[f.id]} onChange=${(value) => onChange({ ...state, [f.id]: value })} />`)}</div>`}
  </fieldset>`;
}

// Fields draws the fields of a schema or of an object that pass a filter.
export function Fields({ node, state, prefix = '', onChange, filter = () => true }) {
  const form = useContext(FormContext);
  const shown = (field) => filter(field) && (prefix ? applies(node, state, field) : applies(form.schema, form.root, field));
  return layout(node, state, form.chosen, prefix).map((group) => {
    if (group.field) {
      return shown(group.field) && html`<${Any} key=${group.field.id} field=${group.field} path=${prefix + group.field.id} value=${state[group.field.id]} onChange=${(value) => onChange({ ...state, [group.field.id]: value })} />`;
    }
    return group.members.some(shown) && html`<${ParameterSet} key=${'set ' + group.set.id} group=${group} state=${state} prefix=${prefix} onChange=${onChange} />`;
  });
}
