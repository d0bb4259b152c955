// SPDX-License-Identifier: MPL-2.0
// The events of one job, each once and in order.

import { useEffect, useRef, useState } from './vendor/htm-preact.js';
import { get } from './api.js';
import { live } from './live.js';

const retryAfter = 3_000; // ms after a request that failed

// JobEvents joins the stored events of a job and the live ones. A live event is taken only if it is the next one; otherwise the server is
// asked for what follows the last event, so that no line is lost or shown twice, also after the server was restarted.
export class JobEvents {
  constructor(id, changed) {
    Object.assign(this, { id, topic: `jobs:${id}`.toLowerCase(), changed, events: [], last: 0, problem: null, pulling: false, again: false });
    this.stops = [live.follow(this.topic), live.on((message) => this.onMessage(message))];
    this.pull();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.stops.forEach((stop) => stop());
  }

  onMessage(message) {
    if (message.type === 'resync') return this.pull();
    if (message.type === 'subscribed' && message.topics.includes(this.topic)) return this.pull(); // for events before the subscription
    if (message.type === 'disconnected' && message.attempts > 3) return this.pull(); // without live messages: ask
    if (message.type !== 'job' || message.job !== this.id) return;
    if (message.action === 'event') {
      const { event } = message;
      if (event.seq === this.last + 1 && !this.pulling) this.add([event]);
      else if (event.seq > this.last) this.pull();
    } else if (message.ended) this.pull();
  }

  add(events) {
    const next = events.filter((event) => event.seq > this.last);
    if (!next.length) return;
    this.last = next.at(-1).seq;
    this.events = [...this.events, ...next];
    this.changed();
  }

  // pull asks for all events after the last one.
  async pull() {
    this.again = true;
    if (this.pulling) return;
    this.pulling = true;
    clearTimeout(this.timer);
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        const page = await get(`/jobs/${this.id}/events?after=${this.last}&limit=1000`);
        if (page.events.length) this.again = true;
        this.problem = null;
        this.add(page.events);
      }
    } catch (problem) {
      this.problem = problem;
      this.again = false;
      if (problem.status === 0 || problem.status >= 500 || problem.status === 429) this.timer = setTimeout(() => this.stopped || this.pull(), retryAfter);
    }
    this.pulling = false;
    if (!this.stopped) this.changed();
  }
}

// useJobEvents returns the events of a job, and what keeps them from being complete.
export function useJobEvents(id) {
  const [state, setState] = useState({ events: [], problem: null });
  const ref = useRef();
  useEffect(() => {
    const source = new JobEvents(id, () => setState({ events: source.events, problem: source.problem }));
    ref.current = source;
    return () => source.stop();
  }, [id]);
  return state;
}
