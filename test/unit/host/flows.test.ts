/** What the kernel is made to forget when a task leaves; the tool that tells and forgets is a script here, which keeps what it was called with. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { forgetStrayedIn } from '#host/containers/strayed-flows';
import { forgetFlowsTo, forgetUnanswered } from '#host/ports/flows';

const flow = (asked: string, answering: string): string =>
  `tcp 6 119 SYN_SENT src=198.51.100.7 dst=${asked} sport=40000 dport=8080 [UNREPLIED] src=${answering} dst=198.51.100.7 sport=80 dport=40000 mark=20480 use=1`;

/** What `conntrack` was called with, where it tells of `flows`. */
async function callsOf(forget: () => Promise<void>, flows: readonly string[] = [flow('198.51.100.1', '10.0.3.5')]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-conntrack-'));
  const [log, path] = [join(folder, 'log'), process.env['PATH']];
  const tools = {
    conntrack: `echo "$*" >>${log}\ncase "$1" in -L) echo '${flows.join('\n')}' ;; esac`,
    nsenter: `shift 3; exec ${folder}/"$@"`,
  };
  writeFileSync(log, '');
  for (const [tool, text] of Object.entries(tools)) {
    writeFileSync(join(folder, tool), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, tool), 0o755);
  }
  process.env['PATH'] = `${folder}:${path}`;
  try {
    await forget();
    return readFileSync(log, 'utf8').split('\n').filter(Boolean);
  } finally {
    process.env['PATH'] = path;
    rmSync(folder, { recursive: true });
  }
}

test('a connection that was answered since somebody looked is not cut off: who takes away looks at each', async () => {
  const calls = await callsOf(() => forgetUnanswered(new Set(['10.0.3.5'])));
  expect(calls).toEqual(['-D -p tcp --state SYN_SENT -r 10.0.3.5']);
});

test('of many addresses those are asked for that anybody waits for', async () => {
  const calls = await callsOf(() => forgetUnanswered(new Set(['10.0.3.4', '10.0.3.5', '10.0.3.6'])));
  expect(calls).toEqual(['-L -p tcp --state SYN_SENT', '-D -p tcp --state SYN_SENT -r 10.0.3.5']);
});

test('nothing left: no process', async () => {
  expect(await callsOf(() => forgetUnanswered(new Set()))).toEqual([]);
  expect(await callsOf(() => forgetFlowsTo(new Set()))).toEqual([]);
});

test('a container that sends on is led away from tasks that are not the service’s any more, and from no others', async () => {
  const targets = new Map([['10.0.3.2', ['10.0.3.6']]]);
  const flows = [flow('10.0.3.2', '10.0.3.5'), flow('10.0.3.2', '10.0.3.6'), flow('10.0.3.2', '10.0.3.2'), flow('10.0.3.5', '10.0.3.5')];
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const calls = await callsOf(() => forgetStrayedIn(process.pid, targets), flows);
  socket.close();
  expect(calls.filter((call) => call.includes('udp'))).toEqual(['-L -p udp', '-D -p udp -d 10.0.3.2 -r 10.0.3.5']);
});

test('a container that has ended costs no process', async () => {
  expect(await callsOf(() => forgetStrayedIn(2 ** 30, new Map()))).toEqual([]);
});
