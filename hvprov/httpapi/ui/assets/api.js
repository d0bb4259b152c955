// SPDX-License-Identifier: MPL-2.0
// Requests to the API.

const base = '/api/v1';

let csrf = '';
let onSignedOut = () => {};

// Problem is an answer that is not a success, as defined in RFC 9457, or a connection that failed.
export class Problem extends Error {
  constructor(body) {
    super(body.detail || body.title || 'The request failed.');
    Object.assign(this, { code: 'internal', status: 0, errors: [], ...body });
  }
}

// setSession sets the CSRF token of a session, and what is called when the server does not know the client any more.
export function setSession(session, signedOut = onSignedOut) {
  csrf = session?.csrf_token || '';
  onSignedOut = signedOut;
}

// request sends a request and returns the JSON of the answer. It throws a Problem.
export async function request(method, path, body, { headers = {}, signal } = {}) {
  const init = { method, signal, credentials: 'same-origin', headers: { Accept: 'application/json', ...headers } };
  if (body !== undefined) {
    init.headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(body);
  }
  if (method !== 'GET' && csrf) init.headers['X-CSRF-Token'] = csrf;
  let response;
  try {
    response = await fetch(base + path, init);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem({ code: 'offline', title: 'The server does not answer', detail: 'Check the connection. The page tries again by itself.' });
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch { /* a proxy answers with HTML */ }
  if (response.ok) return answer;
  const problem = new Problem(answer || { title: `The server answered ${response.status}`, status: response.status, detail: 'A proxy may have answered instead of hvprovd.' });
  if (response.status === 401 && !headers.Authorization) onSignedOut(problem);
  throw problem;
}

export const get = (path, options) => request('GET', path, undefined, options);
export const post = (path, body, options) => request('POST', path, body, options);

// query returns the query string of parameters that have a value.
export function query(parameters) {
  const set = Object.entries(parameters).filter(([, value]) => value !== '' && value !== undefined && value !== null);
  return set.length ? '?' + new URLSearchParams(set) : '';
}

// newKey returns a new idempotency key.
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
