// SPDX-License-Identifier: MPL-2.0

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, startHost } from './server.mjs';
import { assertAccessible, close, inspect, launch, open, show } from './browser.mjs';

let hosts;
let server;
let guarded; // with authentication
let browser;

const durations = { 'New-VM': '900ms', 'Connect-VMNetworkAdapter': '600ms', 'Start-VM': '900ms' };

before(async () => {
  const [first, second, started] = await Promise.all([startHost({ durations }), startHost({ held: 'Connect-VMNetworkAdapter' }), launch()]);
  hosts = { hv001: first, hv002: second };
  browser = started;
  server = new Server(hosts, 'open', false);
  guarded = new Server({ hv001: first }, 'guarded', true);
  await server.start();
  server.schemaVersion = (await server.api('GET', '/schema/job-inputs')).version;
  await Promise.all(Object.keys(hosts).map((name) => server.api('GET', `/hosts/${name}/inventory?refresh=true`)));
});

after(async () => {
  await browser?.close();
  await server?.close();
  await guarded?.close();
  await Promise.all(Object.values(hosts || {}).map((host) => host.close()));
});

const sequence = (page) => page.locator('.line').evaluateAll((lines) => lines.map((line) => Number(line.dataset.seq)));
const state = (page, text) => page.locator('h1 .state', { hasText: text }).waitFor();
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());

// assertWhole checks that the log has every line once, in order.
async function assertWhole(page, job) {
  const { last_event: last } = await server.api('GET', `/jobs/${job}`);
  await page.locator(`.line[data-seq="${last}"]`).waitFor();
  assert.deepEqual(await sequence(page), Array.from({ length: last }, (_, i) => i + 1));
}

test('a Linux machine is created with the keyboard only, and its placeholder is in the inventory before the host reports it', async () => {
  const page = await open(browser, server.url);
  await page.locator('.cards').waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await focused(page), 'main');
  await page.keyboard.press('Tab');
  assert.match(await focused(page), /New virtual machine/);
  await page.keyboard.press('Enter');
  await page.locator('#f-vm_name').waitFor();
  const reach = async (id, key = 'Tab') => {
    for (let i = 0; i < 150; i++) {
      if ((await focused(page)) === id) return;
      await page.keyboard.press(key);
    }
    assert.fail(`${id} is not reached with ${key}`);
  };
  await reach('f-vm_name');
  await page.keyboard.type('linux-01');
  await reach('f-image_name');
  await page.keyboard.type('ubuntu-24.04');
  await page.getByText('Settings for linux').waitFor();
  assert.equal(await page.locator('#f-guest_domain_jointarget').count(), 0);
  assert.equal(await page.getByText('Windows domain join').count(), 0);
  await reach('f-set-static_ipv4-none');
  await page.keyboard.press('ArrowDown'); // the first variant
  await reach('f-guest_v4_ipaddr');
  await page.keyboard.type('192.0.2.50');
  await reach('f-guest_v4_cidrprefix');
  await page.keyboard.type('24');
  await reach('f-guest_v4_defaultgw');
  await page.keyboard.type('192.0.2.1');
  await page.keyboard.press('Enter'); // submits the form
  await page.locator('.line').first().waitFor();
  const id = page.url().split('/').at(-1);
  await show(page, '/vms', 'tr.placeholder');
  const row = page.locator('tr.placeholder', { hasText: 'linux-01' });
  await row.getByText('Creating').waitFor();
  await row.locator('a').last().click();
  await state(page, 'Succeeded');
  await assertWhole(page, id);
  const { values } = await server.api('GET', `/jobs/${id}`);
  assert.deepEqual(values, { vm_name: 'linux-01', image_name: 'ubuntu-24.04', guest_v4_ipaddr: '192.0.2.50', guest_v4_cidrprefix: 24, guest_v4_defaultgw: '192.0.2.1' });
  await show(page, '/vms', 'tbody tr');
  await page.locator('tr:not(.placeholder)', { hasText: 'linux-01' }).getByText('Running').waitFor();
  await close(page);
});

test('a Windows machine: faults of the server are at their fields, and the first one has the focus', async () => {
  const page = await open(browser, `${server.url}/#/vms/new`);
  await page.locator('#f-vm_name').fill('a/b');
  await page.locator('#f-vm_name').blur();
  await page.locator('#f-vm_name-fault', { hasText: 'not valid as the name of a file' }).waitFor();
  assert.equal(await page.locator('#f-image_name-fault').textContent(), '', 'a field that was not left yet has no fault');
  await page.locator('#f-gb_ram').fill('lots');
  await page.getByRole('button', { name: 'Create virtual machine' }).click();
  await page.locator('#f-image_name-fault', { hasText: 'is required' }).waitFor();
  await page.locator('#f-gb_ram-fault', { hasText: 'must be a number' }).waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'f-vm_name');
  await inspect(page, 'form-faults', { whole: false });
  await page.locator('#f-vm_name').fill('windows-01');
  await page.locator('#f-image_name').fill('windows-server-2022');
  await page.locator('#f-gb_ram').fill('2.5');
  assert.equal(await page.locator('#f-guest_user_data').count(), 0, 'a setting for Linux');
  await page.getByLabel('Account with a password or SSH keys').check();
  assert.equal(await page.getByText('SSH public keys', { exact: true }).count(), 0);
  await page.locator('#f-guest_la_uid').fill('Administrator');
  assert.equal(await page.locator('#f-guest_la_pw').getAttribute('type'), 'password');
  await page.locator('#f-guest_la_pw').fill('Only-For-Tests-1');
  await page.getByLabel('Domain join without OU').check();
  await page.locator('#f-guest_domain_jointarget').fill('corp.lab.example');
  await page.locator('#f-guest_domain_joinuid').fill('LAB\\svc_join');
  await page.getByRole('button', { name: 'Create virtual machine' }).click();
  await page.locator('#f-guest_domain_joinpw-fault', { hasText: 'required' }).waitFor();
  await page.waitForFunction(() => document.activeElement.id === 'f-guest_domain_joinpw');
  await page.keyboard.type('Only-For-Tests-2');
  await page.getByRole('button', { name: 'Add data disk' }).click();
  await page.waitForFunction(() => document.activeElement.id === 'f-data_disks-0-name');
  await page.keyboard.type('logs');
  await page.locator('#f-data_disks-0-size_gb').fill('0');
  await page.locator('#f-data_disks-0-size_gb').blur();
  await page.locator('#f-data_disks-0-size_gb-fault', { hasText: 'size_gb' }).waitFor();
  await page.getByRole('button', { name: 'Remove Data disk 1' }).click();
  await page.getByRole('button', { name: 'Create virtual machine' }).click();
  await state(page, 'Succeeded');
  const job = await server.api('GET', `/jobs/${page.url().split('/').at(-1)}`);
  assert.equal(job.values.gb_ram, 2.5);
  assert.doesNotMatch(await page.content(), /Only-For-Tests/);
  await page.goBack();
  await close(page);
});

test('a job is cancelled, and the view shows what was rolled back', async () => {
  const job = await server.provision('cancel-01', {}, 'hv002');
  const page = await open(browser, `${server.url}/#/jobs/${job.id}`);
  await page.locator('.line', { hasText: 'connect to switch' }).waitFor();
  await inspect(page, 'job-running');
  await page.getByRole('button', { name: 'Cancel job' }).click();
  await page.getByRole('dialog', { name: 'Cancel this job?' }).waitFor();
  await assertAccessible(page, 'dialog');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Cancel job' }).click();
  await page.getByRole('button', { name: 'Cancel the job' }).click();
  await page.getByRole('button', { name: 'Cancelling…' }).waitFor();
  await hosts.hv002.release();
  await state(page, 'Cancelled');
  await page.getByRole('heading', { name: 'Rolled back' }).waitFor();
  await assertWhole(page, job.id);
  await inspect(page, 'job-cancelled');
  await page.getByRole('link', { name: 'Edit and submit again' }).click();
  await page.waitForFunction(() => document.getElementById('f-vm_name')?.value === 'cancel-01');
  await close(page);
});

test('after a crash of the server the page connects again, and no line is lost or shown twice', async () => {
  await hosts.hv002.hold();
  const job = await server.provision('restart-01', {}, 'hv002');
  const page = await open(browser, `${server.url}/#/jobs/${job.id}`);
  await page.locator('.line', { hasText: 'connect to switch' }).waitFor();
  await server.kill();
  await page.getByText('Reconnecting…').waitFor();
  await page.getByText('The server does not answer').first().waitFor();
  await server.start();
  await page.getByText('Live', { exact: true }).waitFor();
  await hosts.hv002.release(); // the further lines come after the restart
  await state(page, 'Succeeded');
  await assertWhole(page, job.id);
  await close(page);
});

test('HTML in values is shown as text', async () => {
  const notes = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>';
  const job = await server.provision('html-01', { notes });
  await server.ended(job.id);
  const page = await open(browser, `${server.url}/#/jobs/${job.id}`);
  await page.getByText(notes, { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => window.broken), undefined);
  await close(page);
});

test('notifications arrive, are counted and are read', async () => {
  const page = await open(browser, `${server.url}/#/notifications`);
  await page.locator('.note-item').first().waitFor();
  const failed = await server.provision('failed-01', { switch_name: 'Nowhere' });
  await page.locator('.note-item.unread', { hasText: 'Creation of failed-01 failed' }).waitFor();
  const count = Number((await page.locator('.count').textContent()).replace(/\D/g, ''));
  await inspect(page, 'notifications');
  await page.getByRole('button', { name: 'Mark as read: Creation of failed-01 failed' }).click();
  await page.waitForFunction((n) => document.querySelector('.count')?.firstChild.textContent === String(n), count - 1);
  await page.getByRole('button', { name: /Mark all/ }).click();
  await page.locator('.count').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Unread' }).click();
  await page.getByText('Nothing unread').waitFor();
  await show(page, `/jobs/${failed.id}`, '.outcome');
  await page.getByText('What to do:').or(page.locator('.outcome-error')).first().waitFor();
  await inspect(page, 'job-failed');
  await close(page);
});

test('a machine is changed and deleted after a confirmation', async () => {
  const { vm_id: id } = await server.ended((await server.provision('change-01', { power_state: 'off' })).id);
  const page = await open(browser, `${server.url}/#/vms/hv001/${id}`);
  await page.getByRole('link', { name: 'Change', exact: true }).click();
  await page.locator('#f-cpu_cores').fill('4');
  await page.locator('#f-notes').fill('changed');
  await inspect(page, 'change', { whole: false });
  await page.getByRole('button', { name: 'Apply 2 changes' }).click();
  const dialog = page.getByRole('dialog', { name: 'Change change-01?' });
  await dialog.waitFor();
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await state(page, 'Succeeded');
  const job = await server.api('GET', `/jobs/${page.url().split('/').at(-1)}`);
  assert.deepEqual([job.operation, job.changed, job.values], ['update', ['cpu_cores', 'notes'], { vm_name: 'change-01', cpu_cores: 4, notes: 'changed' }]);
  await page.getByRole('link', { name: 'Show the virtual machine' }).click();
  await page.getByText('changed', { exact: true }).waitFor();
  await inspect(page, 'machine');
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByLabel('Name of the virtual machine').fill('another');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Type change-01 to confirm.').waitFor();
  await page.getByLabel('Name of the virtual machine').fill('change-01');
  await page.keyboard.press('Enter');
  await state(page, 'Succeeded');
  await page.getByText('change-01 is deleted.').waitFor();
  await close(page);
});

test('the lists and the form have no violation of accessibility rules in both themes and three widths', async () => {
  const page = await open(browser, server.url);
  for (const [name, view, ready] of [['hosts', '/', '.cards'], ['machines', '/vms', 'tbody tr'], ['jobs', '/jobs', 'tbody tr'], ['form', '/vms/new', '#f-vm_name'], ['not-found', '/nowhere', 'h1']]) {
    await show(page, view, ready);
    await inspect(page, name, { whole: name !== 'form' });
  }
  await page.locator('h1').waitFor();
  await show(page, '/vms', 'tbody tr');
  await page.getByLabel('Search').fill('no such machine');
  await page.getByText('No virtual machine matches').waitFor();
  await assertAccessible(page, 'empty list');
  await page.getByRole('button', { name: 'Show all virtual machines' }).click();
  await page.locator('tbody tr').first().waitFor();
  await close(page);
});

test('the chosen theme lasts', async () => {
  const page = await open(browser, server.url, { colorScheme: 'light' });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole('button', { name: 'Theme: that of the system' }).click();
  await page.getByRole('button', { name: 'Theme: light' }).click();
  await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
  assert.notEqual(await ground(), light);
  await page.reload();
  await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
  assert.notEqual(await ground(), light);
  await close(page);
});

test('people sign in with a token, and a reader cannot change anything', async () => {
  await guarded.start();
  const [writer, reader] = [await guarded.token('ops', 'writer'), await guarded.token('screen', 'reader')];
  const page = await open(browser, guarded.url);
  await page.getByLabel('Token').fill('not a token');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('without spaces').waitFor();
  await page.getByLabel('Token').fill(writer + 'x');
  await page.keyboard.press('Enter');
  await page.getByText('does not know this token').waitFor();
  await inspect(page, 'sign-in');
  await page.getByLabel('Token').fill(writer);
  await page.keyboard.press('Enter');
  await page.locator('.cards').waitFor();
  await page.reload();
  await page.getByText('ops', { exact: false }).first().waitFor();
  const [cookie] = await page.context().cookies();
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict']);
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie])), new RegExp(writer));
  await page.getByRole('button', { name: 'Read now: hv001' }).click();
  await show(page, '/vms/new', '#f-vm_name');
  await page.locator('#f-vm_name').fill('CON');
  await page.locator('#f-vm_name').blur();
  await page.locator('#f-vm_name-fault', { hasText: 'CON' }).waitFor(); // a request with the CSRF token
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token').fill(reader);
  await page.keyboard.press('Enter');
  await show(page, '/', '.cards');
  assert.equal(await page.getByRole('link', { name: /New/ }).count(), 0);
  await close(page);
});
