// SPDX-License-Identifier: MPL-2.0
// Texts for values.

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export const time = (at) => (at ? clock.format(new Date(at)) : '');
export const date = (at) => (at ? day.format(new Date(at)) : '');

// ago returns how long ago something was, in one unit.
export function ago(at, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - new Date(at)) / 1000));
  if (seconds < 5) return 'just now';
  for (const [unit, size] of [['d', 86400], ['h', 3600], ['min', 60]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${seconds} s ago`;
}

// duration returns a time span such as 2 min 05 s.
export function duration(from, to = Date.now()) {
  if (!from) return '';
  const seconds = Math.max(0, Math.round((new Date(to) - new Date(from)) / 1000));
  const two = (n) => String(n).padStart(2, '0');
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} min`;
}

export const gib = (bytes) => (bytes === null || bytes === undefined ? '–' : `${number.format(bytes / 2 ** 30)} GiB`);
export const gb = (size) => (size === null || size === undefined ? '–' : `${number.format(size)} GiB`);

// operations are the operations of jobs. A test holds them to those of the library.
export const operations = {
  provision: 'Create',
  update: 'Change',
  delete: 'Delete',
  power: 'Power',
  checkpoint: 'Checkpoint',
  export: 'Export',
  image: 'Image',
  disk: 'Virtual hard disk',
  switch: 'Virtual switch',
};

// powerActions are the actions of power jobs: their name, the states of a virtual machine that have them, and what they do.
export const powerActions = {
  start: ['Start', ['off', 'saved'], 'The virtual machine starts, from its saved memory if there is one.'],
  shut_down: ['Shut down', ['running'], 'The guest is asked to shut down.'],
  restart: ['Restart', ['running'], 'The guest is asked to shut down, and started again.'],
  save: ['Save', ['running', 'paused'], 'The memory is written to disk, and the virtual machine stops.'],
  pause: ['Pause', ['running'], 'The virtual machine stops and keeps its memory.'],
  resume: ['Resume', ['paused'], 'The virtual machine continues.'],
  turn_off: ['Turn off', ['running', 'paused'], 'As if the power was cut: what the guest has not written is lost.'],
  reset: ['Reset', ['running', 'paused'], 'As the reset button: what the guest has not written is lost.'],
};

const checkpointActions = { take: 'Take checkpoint of', apply: 'Apply checkpoint to', remove: 'Remove checkpoint of' };

// verbOf returns what a job does, as the beginning of its title.
export const verbOf = (job) => powerActions[job.values?.power_action]?.[0] || checkpointActions[job.values?.checkpoint_action] || operations[job.operation] || job.operation;

// states are the words, tones and symbols of states, so that none is told by its colour alone.
export const states = {
  pending: ['Pending', 'idle', 'clock'],
  queued: ['Queued', 'idle', 'clock'],
  running: ['Running', 'busy', 'spin'],
  succeeded: ['Succeeded', 'good', 'check'],
  failed: ['Failed', 'bad', 'cross'],
  cancelled: ['Cancelled', 'warn', 'slash'],
  unknown: ['Unknown', 'warn', 'question'],
  connected: ['Connected', 'good', 'check'],
  disconnected: ['Disconnected', 'bad', 'cross'],
  creating: ['Creating', 'busy', 'spin'],
  updating: ['Changing', 'busy', 'spin'],
  deleting: ['Deleting', 'busy', 'spin'],
};

export const powerStates = {
  running: ['Running', 'good', 'play'],
  off: ['Off', 'idle', 'stop'],
  paused: ['Paused', 'warn', 'pause'],
  saved: ['Saved', 'idle', 'pause'],
};

// plain removes the marks of Markdown from a description of the schema.
export const plain = (text) => (text || '').replaceAll('`', '');

// nameOf returns the name of the virtual machine of a job, or the start of its GUID: a deletion names only that.
export const nameOf = (job) => job.vm_name || job.result?.vm?.name || job.vm_id?.slice(0, 8) || '';
