// SPDX-License-Identifier: MPL-2.0
// The form for a new virtual machine.

import { html, useEffect, useState } from './vendor/htm-preact.js';
import { get } from './api.js';
import { Page, Fault, Empty, Skeleton, useData } from './components.js';
import { Section, Panel } from './form-parts.js';
import { useForm } from './use-form.js';
import { chosenFor, effective, objectState } from './form-model.js';

function CreateForm({ schema, hosts, inventory, initial }) {
  const [host, setHost] = useState(initial.host || hosts.find((h) => h.state === 'connected')?.name || hosts[0]?.name || '');
  const form = useForm({
    schema, operation: 'provision', initial: initial.state, chosen: initial.chosen,
    submission: (values) => ({ schema_id: schema.id, schema_version: schema.version, host, values }),
  });
  const capacity = hosts.find((h) => h.name === host)?.capacity;
  const vms = inventory?.hosts.find((h) => h.host === host)?.vms || [];
  form.suggestions = {
    image_name: (capacity?.images || []).map((image) => image.name), media_name: (capacity?.media || []).map((image) => image.name),
    switch_name: [...new Set(vms.flatMap((vm) => (vm.vm?.adapters || []).map((a) => a.switch_name)).filter(Boolean))],
  };
  useEffect(() => {
    if (form.root !== initial.state) form.later(true, 150);
  }, [host]);
  const submit = async (event) => {
    event.preventDefault();
    const job = await form.submit('/jobs/provision');
    if (job) location.hash = `/jobs/${job.id}`;
  };
  const selected = hosts.find((h) => h.name === host);
  const family = effective(schema, form.root, 'os_family');
  const basic = (f) => f.required;
  return html`<form class="form-split" onSubmit=${submit} novalidate><div>
      <section class="card form-section"><h2>Where</h2><div class="grid"><div class="field"><label for="f-host">Host<span class="required" aria-hidden="true"> required</span></label>
        <select id="f-host" value=${host} onChange=${(e) => setHost(e.target.value)} aria-describedby="f-host-help">${hosts.map((h) => html`<option value=${h.name} selected=${h.name === host}>${h.name}${h.state === 'connected' ? '' : ` (${h.state})`}</option>`)}</select>
        <p class="help" id="f-host-help">${selected?.state === 'disconnected' ? 'This host does not answer: a job cannot be submitted to it.' : 'The Hyper-V host that gets the virtual machine.'}</p></div></div></section>
      <${Section} form=${form} title="Basics" filter=${basic} />
      <${Section} form=${form} title="Virtual machine" text="What is not set has the default of the server or of Hyper-V." filter=${(f) => !basic(f) && !f.guest} />
      <${Section} form=${form} title="Guest operating system" text=${family ? `Settings for ${family}, applied at the first start.` : 'Choose an image or an operating system family to see its own settings.'} filter=${(f) => !basic(f) && Boolean(f.guest)} />
    </div>
    <${Panel} form=${form} button="Create virtual machine">
      <h2>${form.root.vm_name?.trim() || 'New virtual machine'}</h2>
      <dl class="facts column"><div><dt>Host</dt><dd>${host}</dd></div><div><dt>Image</dt><dd>${form.root.image_name || '–'}</dd></div><div><dt>System</dt><dd>${family || '–'}</dd></div></dl>
    </${Panel}></form>`;
}

export function NewMachine({ parameters, session }) {
  const schema = useData('/schema/job-inputs');
  const hosts = useData('/hosts', (m) => m.type === 'host' || m.type === 'inventory');
  const inventory = useData('/inventory');
  const [initial, setInitial] = useState(null);
  const from = parameters.get('from');
  useEffect(() => {
    if (!schema.data || initial) return;
    const begin = (values, host) => {
      const state = objectState(schema.data, values);
      setInitial({ state, host, chosen: chosenFor(schema.data, state) });
    };
    if (!from) begin({}, parameters.get('host'));
    else get(`/jobs/${encodeURIComponent(from)}`).then((job) => begin(job.values, job.host), () => begin({}));
  }, [schema.data]);
  const crumb = html`<a href="#/vms">Virtual machines</a>`;
  const problem = (!schema.data && schema.problem) || (!hosts.data && hosts.problem);
  if (session.role === 'reader') return html`<${Page} title="New virtual machine" crumb=${crumb}><${Empty} icon="vm" title="Your role is reader"><p>An administrator can give you a token with the role writer.</p></${Empty}></${Page}>`;
  return html`<${Page} title="New virtual machine" crumb=${crumb} wide>
    <${Fault} problem=${problem} retry=${() => { schema.reload(); hosts.reload(); }} />
    ${from && initial && html`<p class="note">The values are those of an earlier job. Secrets are not kept: enter them again.</p>`}
    ${!problem && !(initial && hosts.data) && html`<${Skeleton} rows=${8} />`}
    ${initial && hosts.data && (hosts.data.hosts.length ? html`<${CreateForm} schema=${schema.data} hosts=${hosts.data.hosts} inventory=${inventory.data} initial=${initial} />`
      : html`<${Empty} icon="host" title="No hosts"><p>Add hosts to the configuration file of <code>hvprovd</code>, then send it SIGHUP.</p></${Empty}>`)}
  </${Page}>`;
}
