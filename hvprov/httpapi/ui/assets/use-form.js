// SPDX-License-Identifier: MPL-2.0
// The state of a form, and the checks of the server while it is filled in.

import { useCallback, useEffect, useMemo, useRef, useState } from './vendor/htm-preact.js';
import { post, newKey } from './api.js';
import { idOf, valuesOf, variantsOf, fieldsOf } from './form-model.js';

const pause = 600; // ms without a key press, after which the values are checked

// under reports whether a path is that of a value or of something in it.
const under = (path, parent) => path === parent || path.startsWith(parent + '.') || path.startsWith(parent + '[');

// useForm returns the state of a form. submission returns the body of a submission for the values, without operation.
export function useForm({ schema, operation, initial, chosen: initialChosen, submission }) {
  const [root, setRoot] = useState(initial);
  const [chosen, setChosen] = useState(initialChosen || {});
  const [touched, setTouched] = useState(new Set());
  const [everything, setEverything] = useState(false); // all faults are shown, not only those of fields that were left
  const [answer, setAnswer] = useState({ faults: [], hostChecked: false, hostProblem: null });
  const [checking, setChecking] = useState(false);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const timer = useRef();
  const abort = useRef();
  const latest = useRef();
  const sent = useRef({ body: '', key: '' });
  const submissionRef = useRef(submission);
  submissionRef.current = submission;
  latest.current = { root, chosen };

  const body = useCallback(() => submissionRef.current(valuesOf(schema, schema, latest.current.root, latest.current.chosen), latest.current), [schema]);

  // check asks the server about the values, and the host too if wanted. It returns the faults, or null if the server did not answer.
  const check = useCallback(async (withHost) => {
    clearTimeout(timer.current);
    abort.current?.abort();
    const control = (abort.current = new AbortController());
    const request = { operation, ...body() };
    if (!withHost) request.host = '';
    setChecking(true);
    try {
      const result = await post('/jobs:check', request, { signal: control.signal });
      const faults = [...result.errors.map((e) => ({ ...e, severity: 'error' })), ...result.findings.map((f) => ({ ...f, field: f.field || '', ofHost: true }))];
      setAnswer((old) => ({
        faults: withHost ? faults : [...faults, ...old.faults.filter((f) => f.ofHost && !faults.some((e) => e.field === f.field))],
        hostChecked: withHost ? result.host_checked : old.hostChecked, hostProblem: withHost ? result.host_problem : old.hostProblem,
      }));
      setProblem(null);
      setChecking(false);
      return faults;
    } catch (error) {
      if (error.name === 'AbortError') return null;
      setChecking(false);
      setProblem(error);
      return null;
    }
  }, [operation, body]);

  const later = useCallback((withHost, wait) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => check(withHost), wait);
  }, [check]);

  useEffect(() => () => {
    clearTimeout(timer.current);
    abort.current?.abort();
  }, []);

  const touch = useCallback((path, left) => {
    if (left) setTouched((old) => (old.has(path) ? old : new Set([...old, path])));
    else setAnswer((old) => (old.faults.some((f) => f.field === path) ? { ...old, faults: old.faults.filter((f) => f.field !== path) } : old)); // it is being mended
    later(left, left ? 150 : pause);
  }, [later]);

  const choose = (path, id) => {
    setChosen((old) => ({ ...old, [path]: id }));
    later(false, pause);
  };

  // removeItem forgets what belongs to an item of a list, and moves what belongs to later ones.
  const removeItem = (path, index, count) => {
    const move = (key) => {
      for (let i = index; i < count; i++) {
        if (!under(key, `${path}[${i}]`)) continue;
        return i === index ? null : key.replace(`${path}[${i}]`, `${path}[${i - 1}]`);
      }
      return key;
    };
    setTouched((old) => new Set([...old].map(move).filter(Boolean)));
    setChosen((old) => Object.fromEntries(Object.entries(old).map(([key, v]) => [move(key), v]).filter(([key]) => key)));
    setAnswer((old) => ({ ...old, faults: old.faults.map((f) => ({ ...f, field: move(f.field) })).filter((f) => f.field !== null) }));
  };

  // A fault is shown at its field once that was left, or after an attempt to submit.
  const setOf = useMemo(() => new Map((schema.parameter_sets || []).flatMap((set) => [...new Set(variantsOf(set).flatMap(fieldsOf))].map((id) => [id, set.id]))), [schema]);
  const visible = answer.faults.filter((f) => everything || touched.has(f.field) || f.field === '' || [...touched].some((path) => under(f.field, path) && path !== f.field && !f.field.slice(path.length).includes('.')));

  // focusFault moves the focus to the first field with a fault, in the order of the page.
  const focusFault = (faults) => {
    const elements = faults.map((f) => document.getElementById(idOf(f.field)) || document.querySelector(`[data-path="${CSS.escape(setOf.get(f.field) || f.field)}"] input`)).filter(Boolean);
    elements.sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
    const target = elements[0] || document.getElementById('form-problem');
    target?.focus();
  };

  // submit checks the values with the host, and submits them if nothing is wrong. It returns the job, or null.
  const submit = async (path, confirmed = async () => true) => {
    setEverything(true);
    setProblem(null);
    setBusy(true);
    try {
      const faults = await check(true);
      const errors = faults?.filter((f) => f.severity !== 'warning');
      if (faults === null || errors.length) {
        setTimeout(() => focusFault(errors || []));
        return null;
      }
      if (!(await confirmed())) return null;
      const request = body();
      const text = JSON.stringify(request);
      if (sent.current.body !== text) sent.current = { body: text, key: newKey() }; // the same values again are the same job
      return await post(path, request, { headers: { 'Idempotency-Key': sent.current.key } });
    } catch (error) {
      if (error.errors?.length) setAnswer({ faults: error.errors.map((e) => ({ ...e, severity: 'error' })), hostChecked: true, hostProblem: null });
      setProblem(error.errors?.length ? null : error);
      setTimeout(() => focusFault(error.errors || []));
      return null;
    } finally {
      setBusy(false);
    }
  };

  return { schema, root, setRoot, chosen, setChosen, choose, touch, removeItem, check, later, submit, faults: visible, all: answer.faults, hostProblem: answer.hostProblem, hostChecked: answer.hostChecked, checking, problem, busy, everything };
}
