// SPDX-License-Identifier: MPL-2.0
// The list of notifications.

import { html, useState } from './vendor/htm-preact.js';
import { get, post, query } from './api.js';
import { Page, Ago, Icon, Fault, Empty, Skeleton, useData } from './components.js';

const icons = { info: ['info', 'Information'], success: ['check', 'Success'], warning: ['alert', 'Warning'], error: ['cross', 'Error'] };

export function Notifications() {
  const [unread, setUnread] = useState('');
  const [more, setMore] = useState([]);
  const [next, setNext] = useState('');
  const [fault, setFault] = useState(null);
  const { data, problem, reload } = useData('/notifications' + query({ unread, limit: 50 }), (m) => m.type === 'notification');
  const read = async (body) => {
    setFault(null);
    await post('/notifications:read', body).catch(setFault);
    const marked = new Set(body.ids);
    setMore(more.map((note) => (body.all || marked.has(note.id) ? { ...note, read: true } : note)));
    reload();
  };
  const loadMore = async () => {
    const page = await get('/notifications' + query({ unread, limit: 50, cursor: next || data.next })).catch(setFault);
    if (!page) return;
    setMore([...more, ...page.notifications]);
    setNext(page.next || 'end');
  };
  const choose = (value) => () => {
    setUnread(value);
    setMore([]);
    setNext('');
  };
  const first = data?.notifications || [];
  const known = new Set(first.map((note) => note.id));
  const all = [...first, ...more.filter((note) => !known.has(note.id))];
  return html`<${Page} title="Notifications" actions=${data?.unread > 0 && html`<button class="button" onClick=${() => read({ all: true })}>Mark all ${data.unread} as read</button>`}>
    <div class="segments" role="group" aria-label="Show">
      <button aria-pressed=${String(unread === '')} onClick=${choose('')}>All</button><button aria-pressed=${String(unread === 'true')} onClick=${choose('true')}>Unread</button></div>
    <${Fault} problem=${problem || fault} retry=${reload} />
    ${!data && !problem && html`<${Skeleton} />`}
    ${data && all.length === 0 && html`<${Empty} icon="bell" title=${unread ? 'Nothing unread' : 'No notifications yet'}><p>The end of each job is reported here, and each host that stops answering.</p></${Empty}>`}
    <ul class="notes">${all.map((note) => {
      const [icon, label] = icons[note.level] || icons.info;
      return html`<li key=${note.id} class=${`note-item ${note.level}` + (note.read ? '' : ' unread')}>
        <${Icon} name=${icon} label=${label} />
        <div><p class="note-title">${note.job ? html`<a href=${'#/jobs/' + note.job} onClick=${() => note.read || read({ ids: [note.id] })}>${note.title}</a>` : note.title}${!note.read && html`<span class="dot" role="img" aria-label="Unread"></span>`}</p>
          ${note.text && html`<p class="note-text">${note.text}</p>`}
          <p class="faint"><${Ago} at=${note.time} />${note.host && ` · ${note.host}`}</p></div>
        ${!note.read && html`<button class="button small quiet" onClick=${() => read({ ids: [note.id] })} aria-label=${`Mark as read: ${note.title}`}>Mark as read</button>`}
      </li>`;
    })}</ul>
    ${(next ? next !== 'end' : data?.next) && html`<p class="more"><button class="button" onClick=${loadMore}>Show older notifications</button></p>`}
  </${Page}>`;
}
