// SPDX-License-Identifier: MPL-2.0
// The stream of live messages: one websocket for the page. It connects again by itself, and continues after the last message that it has.

const baseTopics = ['jobs', 'inventory', 'notifications'];
const silence = 40_000; // ms without any message after which a connection is dead; a ping is sent halfway

class Live {
  listeners = new Set();
  topics = new Map(); // of single jobs, with the number of views that follow them
  state = 'connecting'; // connecting, live or offline
  cursor = '';
  attempts = 0;

  start() {
    if (this.started) return;
    this.started = true;
    addEventListener('online', () => this.retryNow());
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.retryNow());
    this.connect();
  }

  stop() {
    this.started = false;
    clearTimeout(this.timer);
    clearTimeout(this.watch);
    this.cursor = '';
    this.socket?.close();
  }

  // on calls a function with each message, and with messages of this class: resync (messages may have been missed), subscribed (those of
  // topics arrive from now on), state and disconnected. It returns a function to stop.
  on(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // follow subscribes to everything about one job. It returns a function to stop.
  follow(topic) {
    const views = this.topics.get(topic) || 0;
    this.topics.set(topic, views + 1);
    if (views === 0) this.send({ type: 'subscribe', topics: [topic] });
    return () => {
      const left = this.topics.get(topic) - 1;
      if (left > 0) return void this.topics.set(topic, left);
      this.topics.delete(topic);
      this.send({ type: 'unsubscribe', topics: [topic] });
    };
  }

  send(message) {
    if (this.subscribed && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  emit(message) {
    for (const listener of [...this.listeners]) listener(message);
  }

  setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit({ type: 'state', state });
  }

  connect() {
    clearTimeout(this.timer);
    this.subscribed = false;
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/ws`);
    this.socket = socket;
    socket.onopen = () => {
      const since = this.cursor;
      socket.send(JSON.stringify({ type: 'subscribe', topics: [...baseTopics, ...this.topics.keys()], ...(since && { since }) }));
      this.subscribed = true;
      this.alive(socket);
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.alive(socket);
      const message = JSON.parse(data);
      if (message.type === 'connection') return;
      if (message.cursor) this.cursor = message.cursor;
      switch (message.type) {
        case 'subscription':
          if (this.state !== 'live') {
            this.attempts = 0;
            this.setState('live');
            this.emit({ type: 'resync' });
          }
          return this.emit({ type: 'subscribed', topics: message.topics || [] });
        case 'pong':
          return;
        case 'error':
          console.warn('live messages:', message.error);
          return;
        case 'missed':
          return this.emit({ type: 'resync' });
      }
      this.emit(message);
    };
    socket.onclose = () => {
      clearTimeout(this.watch);
      if (socket !== this.socket || !this.started) return;
      this.setState('offline');
      this.attempts++;
      const wait = Math.min(15_000, 500 * 2 ** Math.min(this.attempts, 5)) * (0.75 + Math.random() / 2);
      this.timer = setTimeout(() => this.connect(), wait);
      this.emit({ type: 'disconnected', attempts: this.attempts });
    };
  }

  // alive notes that the connection works. A connection that is silent is pinged, and then given up.
  alive(socket) {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => {
      if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}');
      this.watch = setTimeout(() => {
        socket.onclose();
        socket.onclose = null;
        socket.close();
      }, silence / 2);
    }, silence / 2);
  }

  retryNow() {
    if (this.started && this.state === 'offline' && this.socket.readyState === WebSocket.CLOSED) {
      this.attempts = 0;
      this.connect();
    }
  }
}

export const live = new Live();
