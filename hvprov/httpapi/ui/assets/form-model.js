// SPDX-License-Identifier: MPL-2.0
// What a form of the job schema contains: which fields apply, which sets are chosen, and the values to send. It draws nothing.

// inferred returns the value that the schema infers for a field from another one, or undefined.
export function inferred(field, state) {
  const from = field.infer && state[field.infer.from];
  if (!from || typeof from !== 'string') return undefined;
  return field.infer.rules.find((rule) => expression(rule.pattern)?.test(from.trim()))?.value;
}

// expression returns a regular expression of Go's syntax for this language, or undefined if it has no counterpart.
function expression(pattern) {
  const [, flags, rest] = /^(?:\(\?([ims]+)\))?([^]*)$/.exec(pattern);
  try {
    return new RegExp(rest, flags || '');
  } catch {
    return undefined;
  }
}

// effective returns the value of a field that the server will use.
export function effective(schema, state, id) {
  const field = schema.fields.find((f) => f.id === id);
  if (!field) return undefined;
  return state[id] || inferred(field, state) || field.default;
}

// applies reports whether a field applies. It does not if another field has a value for which it is not meant, or none; with an empty
// list of values, if the other has a value.
export function applies(schema, state, field) {
  return Object.entries(field.applicability || {}).every(([id, values]) => {
    const value = effective(schema, state, id);
    return values.length ? values.includes(value) : !value;
  });
}

// detailed returns a field with the hint and the rules of the case that holds.
export function detailed(schema, state, field) {
  const found = field.cases?.find((c) => Object.entries(c.when).every(([id, values]) => values.includes(effective(schema, state, id))));
  return found ? { ...field, hint: found.hint || field.hint, validations: { ...field.validations, ...found.validations } } : field;
}

// variantsOf returns the variants of a parameter set. A set of members has one.
export function variantsOf(set) {
  return set.variants?.length ? set.variants : [{ id: set.id, label: set.label, required: set.members || [] }];
}

export const fieldsOf = (variant) => [...(variant.required || []), ...(variant.optional || [])];

// variantFor returns the first variant that has all fields with a value, or ''.
export function variantFor(set, has) {
  const given = [...new Set(variantsOf(set).flatMap(fieldsOf))].filter(has);
  if (!given.length) return '';
  const fits = variantsOf(set).filter((v) => given.every((id) => fieldsOf(v).includes(id)));
  return (fits.find((v) => (v.required || []).every(has)) || fits[0] || variantsOf(set)[0]).id;
}

// layout returns the groups of a form, in the order of the schema: {field} and {set, variant, fields, elsewhere}. A field that several
// chosen sets have is in the first of them.
export function layout(node, state, chosen, prefix = '') {
  const sets = node.parameter_sets || [];
  const owners = new Map(); // field to the sets that have it
  for (const set of sets) for (const id of new Set(variantsOf(set).flatMap(fieldsOf))) owners.set(id, [...(owners.get(id) || []), set]);
  const placed = new Map(); // field to the set that shows it
  const selected = new Map(sets.map((set) => [set, variantsOf(set).find((v) => v.id === chosen[prefix + set.id])]));
  for (const [set, variant] of selected) if (variant) for (const id of fieldsOf(variant)) if (!placed.has(id)) placed.set(id, set);
  const groups = [];
  const seen = new Set();
  for (const field of node.fields) {
    if (!owners.has(field.id)) groups.push({ field });
    for (const set of owners.get(field.id) || []) {
      if (seen.has(set)) continue;
      seen.add(set);
      const variant = selected.get(set);
      const ids = variant ? fieldsOf(variant) : [];
      const find = (id) => node.fields.find((f) => f.id === id);
      groups.push({
        set, variant, members: [...new Set(variantsOf(set).flatMap(fieldsOf))].map(find).filter(Boolean),
        fields: ids.filter((id) => placed.get(id) === set).map(find).filter(Boolean).map((f) => ({ ...f, required: f.required || variant.required?.includes(f.id) })),
        elsewhere: ids.filter((id) => placed.get(id) !== set).map(find).filter(Boolean),
      });
    }
  }
  return groups;
}

// valuesOf returns the values to send: those of fields that are shown, in the types of the schema. A text that is no number is sent as it
// is, so that the server says what is wrong with it.
export function valuesOf(schema, node, state, chosen, prefix = '') {
  const values = {};
  const add = (field) => {
    if (!applies(prefix ? node : schema, state, field)) return;
    const value = valueOf(schema, field, state[field.id], chosen, prefix + field.id);
    if (value !== undefined) values[field.id] = value;
  };
  for (const group of layout(node, state, chosen, prefix)) {
    if (group.field) add(group.field);
    else group.fields.forEach(add);
  }
  return values;
}

function valueOf(schema, field, raw, chosen, path) {
  if (raw === undefined || raw === null || raw === '') return undefined;
  switch (field.type) {
    case 'integer':
    case 'number': {
      const text = String(raw).trim();
      return /^[-+]?\d+(\.\d+)?$/.test(text) ? Number(text) : text || undefined;
    }
    case 'boolean':
      return raw === true || raw === 'true';
    case 'list': {
      const items = raw.map((item, i) => (field.items.type === 'object' ? valuesOf(schema, field.items, item, chosen, `${path}[${i}].`) : valueOf(schema, field.items, item, chosen, `${path}[${i}]`) ?? ''));
      return items.length ? items : undefined;
    }
    case 'object':
      return valuesOf(schema, field, raw, chosen, `${path}.`);
    case 'secret':
    case 'multiline':
      return raw;
    default:
      return typeof raw === 'string' ? raw.trim() || undefined : raw;
  }
}

// stateOf returns what a form shows for a value: the reverse of valuesOf.
export function stateOf(field, value) {
  if (value === undefined || value === null) return undefined;
  switch (field.type) {
    case 'integer':
    case 'number':
      return String(value);
    case 'boolean':
      return Boolean(value);
    case 'list':
      return (Array.isArray(value) ? value : []).map((item) => (field.items.type === 'object' ? objectState(field.items, item) : stateOf(field.items, item) ?? ''));
    case 'object':
      return objectState(field, value);
    default:
      return String(value);
  }
}

export function objectState(node, values) {
  return Object.fromEntries(node.fields.map((f) => [f.id, stateOf(f, values?.[f.id])]).filter(([, v]) => v !== undefined));
}

// chosenFor returns the variants that values stand for, by the path of their set.
export function chosenFor(node, state, prefix = '') {
  const chosen = {};
  for (const set of node.parameter_sets || []) {
    const id = variantFor(set, (field) => state[field] !== undefined && state[field] !== '');
    if (id) chosen[prefix + set.id] = id;
  }
  for (const field of node.fields) {
    if (field.type !== 'list' || field.items.type !== 'object') continue;
    (state[field.id] || []).forEach((item, i) => Object.assign(chosen, chosenFor(field.items, item, `${prefix}${field.id}[${i}].`)));
  }
  return chosen;
}

// idOf returns the id of the element for a path such as data_disks[1].size_gb.
export const idOf = (path) => 'f-' + path.replace(/[^A-Za-z0-9_]+/g, '-').replace(/-$/, '');

// unitOf splits a label such as Memory (GB) into its words and its unit.
export function unitOf(label) {
  const found = /^(.*) \((GB|MB|TB|s|min|%)\)$/.exec(label || '');
  return found ? [found[1], found[2]] : [label, ''];
}
