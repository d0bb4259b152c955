// SPDX-License-Identifier: MPL-2.0
// The view to sign in: with a token, or at the identity provider if the server has one.

import { html, useState, useRef, useEffect } from './vendor/htm-preact.js';
import { request } from './api.js';
import { Icon } from './components.js';

export function SignIn({ problem, onSignedIn, theme }) {
  const [token, setToken] = useState('');
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);
  const input = useRef();
  useEffect(() => {
    document.title = 'Sign in · hvprovd';
    input.current.focus();
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    const value = token.trim();
    const wrong = !value ? 'Enter a token.' : /[^\x21-\x7e]/.test(value) ? 'A token has only letters, digits and symbols of ASCII, without spaces.' : '';
    setFault(wrong);
    if (wrong) return input.current.focus();
    setBusy(true);
    try {
      const session = await request('POST', '/session', undefined, { headers: { Authorization: `Bearer ${value}` } });
      setToken('');
      onSignedIn(session);
    } catch (error) {
      setBusy(false);
      setFault(error.status === 401 ? 'The server does not know this token, or it has expired.' : error.message);
      input.current.focus();
    }
  };
  return html`<main class="signin"><div class="signin-theme"><${theme} /></div>
    <form class="card" onSubmit=${submit} novalidate>
      <img src="/icon.svg" alt="" width="44" height="44" />
      <h1>Sign in to hvprovd</h1>
      <p class="faint">Virtual machines on your Hyper-V hosts.</p>
      ${problem?.login && html`<a class="button primary block" href=${problem.login}>Sign in with your organization</a><p class="or"><span>or with a token</span></p>`}
      <div class=${'field' + (fault ? ' wrong' : '')}>
        <label for="token">Token</label>
        <input id="token" ref=${input} type="password" autocomplete="current-password" spellcheck="false" value=${token} onInput=${(e) => setToken(e.target.value)}
          aria-describedby="token-help token-fault" aria-invalid=${fault ? 'true' : undefined} />
        <p id="token-fault" class="field-fault" role="alert">${fault && html`<${Icon} name="alert" />${fault}`}</p>
        <p id="token-help" class="help">An administrator creates it with <code>hvprovd token create</code>.</p>
      </div>
      <button class="button primary block" disabled=${busy}>${busy ? 'Signing in…' : 'Sign in'}</button>
    </form></main>`;
}
