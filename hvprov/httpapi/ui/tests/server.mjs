// SPDX-License-Identifier: MPL-2.0
// A simulated host and hvprovd, as processes. HVPROV_TEST_BIN is the folder with their programs.

import { spawn, execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const bin = process.env.HVPROV_TEST_BIN;

// freePort returns a port that a server can have again after a restart.
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

// start starts a program and returns it with its output once that has a text.
function start(name, args, env, text) {
  const child = spawn(join(bin, name), args, { env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let output = '';
    const take = (data) => {
      output += data;
      if (text && output.includes(text)) resolve({ child, output });
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}:\n${output}`)));
    if (!text) resolve({ child, output: '' });
  });
}

function stop(child, signal) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', resolve);
    child.kill(signal);
  });
}

// startHost starts a simulated host with the durations of cmdlets. A job that calls the cmdlet held waits there until release is called.
export async function startHost({ durations = {}, held = '' }) {
  const dir = await mkdtemp(join(tmpdir(), 'hvprovd-page-'));
  const ca = join(dir, 'ca.pem');
  const delays = Object.entries(durations).flatMap(([name, duration]) => ['-delay', `${name}=${duration}`]);
  const gate = join(dir, 'hold');
  if (held) delays.push('-hold', `${held}=${gate}`);
  const hold = () => writeFile(gate, '');
  await hold();
  const { child, output } = await start('simhost', ['-addr', '127.0.0.1:0', '-state', join(dir, 'state.json'), '-ca-out', ca, ...delays], {}, 'Press Ctrl-C');
  const settings = Object.fromEntries([...output.matchAll(/^export HYPERVVM_(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value.replace(/^'(.*)'$/, '$1')]));
  return {
    dir, ca, settings, hold,
    release: () => rm(gate, { force: true }),
    async close() {
      await stop(child, 'SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

// Server is an hvprovd that manages simulated hosts.
export class Server {
  constructor(hosts, name, tokens) {
    Object.assign(this, { hosts, name, tokens, config: join(Object.values(hosts)[0].dir, `${name}.yaml`) });
  }

  async start() {
    this.port ??= await freePort();
    const env = {};
    const hosts = {};
    for (const [name, { ca, settings }] of Object.entries(this.hosts)) {
      env[`PASSWORD_${name}`] = settings.PASSWORD;
      hosts[name] = { address: settings.HOST, port: Number(settings.PORT), username: settings.USERNAME, password_env: `PASSWORD_${name}`, ca_cert_file: ca };
    }
    await writeFile(this.config, JSON.stringify({
      listen: `127.0.0.1:${this.port}`, state_dir: `${this.name}-state`, refresh_seconds: 3, stop_seconds: 1, log: { level: 'error' }, auth: { tokens: this.tokens }, hosts,
    })); // JSON is YAML
    ({ child: this.child } = await start('hvprovd', ['serve', '-config', this.config], env, ''));
    this.child.stderr.on('data', (data) => process.stderr.write(`hvprovd: ${data}`));
    for (;;) {
      if (this.child.exitCode !== null) throw new Error(`hvprovd ended with ${this.child.exitCode}`);
      if (await fetch(`${this.url}/healthz`).then((r) => r.ok, () => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  // kill ends the process at once, without a chance to store anything.
  kill() {
    return stop(this.child, 'SIGKILL');
  }

  async close() {
    if (this.child) await stop(this.child, 'SIGTERM');
  }

  async token(name, role) {
    const { stdout } = await promisify(execFile)(join(bin, 'hvprovd'), ['token', 'create', '-config', this.config, '-role', role, name], { env: {} });
    return stdout.trim();
  }

  async api(method, path, body, headers = {}) {
    const response = await fetch(`${this.url}/api/v1${path}`, { method, headers: { 'Content-Type': 'application/json', ...headers }, body: body && JSON.stringify(body) });
    return response.json();
  }

  // provision submits a new virtual machine and returns the job.
  provision(name, values = {}, host = 'hv001') {
    return this.api('POST', '/jobs/provision', { schema_version: this.schemaVersion, host, values: { vm_name: name, image_name: 'ubuntu-24.04', ...values } });
  }

  // ended returns a job when it has ended.
  async ended(id) {
    for (;;) {
      const job = await this.api('GET', `/jobs/${id}`);
      if (['succeeded', 'failed', 'cancelled'].includes(job.state)) return job;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
