/** What the kernel is made to forget when a task leaves; the tool that tells and forgets is a script here, which keeps what it was called with. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { forgetUnanswered } from '#host/bridge';

const flow = (answering: string): string =>
  `tcp 6 119 SYN_SENT src=198.51.100.7 dst=198.51.100.1 sport=40000 dport=8080 [UNREPLIED] src=${answering} dst=198.51.100.7 sport=80 dport=40000 mark=20480 use=1`;

async function callsFor(addresses: readonly string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-conntrack-'));
  const [tool, log, path] = [join(folder, 'conntrack'), join(folder, 'log'), process.env['PATH']];
  writeFileSync(log, '');
  writeFileSync(tool, `#!/bin/sh\necho "$*" >>${log}\ncase "$1" in -L) echo '${flow('10.0.3.5')}' ;; esac\n`);
  chmodSync(tool, 0o755);
  process.env['PATH'] = `${folder}:${path}`;
  try {
    await forgetUnanswered(new Set(addresses));
    return readFileSync(log, 'utf8').split('\n').filter(Boolean);
  } finally {
    process.env['PATH'] = path;
    rmSync(folder, { recursive: true });
  }
}

test('a connection that was answered since somebody looked is not cut off: who takes away looks at each', async () => {
  const calls = await callsFor(['10.0.3.5']);
  expect(calls).toEqual(['-D -p tcp --state SYN_SENT -r 10.0.3.5']);
});

test('of many addresses those are asked for that anybody waits for', async () => {
  const calls = await callsFor(['10.0.3.4', '10.0.3.5', '10.0.3.6']);
  expect(calls).toEqual(['-L -p tcp --state SYN_SENT', '-D -p tcp --state SYN_SENT -r 10.0.3.5']);
});

test('nothing left: no process', async () => {
  expect(await callsFor([])).toEqual([]);
});
