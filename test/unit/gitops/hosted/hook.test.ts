/** What git's hooks ask: whole, and never more than one question, whatever a pusher calls a ref. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { answerHooks, writeHooks, type HookQuestion } from '#gitops/hosted/hook';

const [before, after] = ['0'.repeat(40), '1'.repeat(40)];

let folder: string;

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'shoal-hooks-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the hook as git does; what the judge was asked, what the pusher was told, and the hook's code. */
function ask(input: string): Promise<{ questions: HookQuestion[]; said: string; code: number | null }> {
  writeHooks(folder);
  const hook = spawn(join(folder, 'pre-receive'), {
    env: { ...process.env, GIT_QUARANTINE_PATH: '/received here' },
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  });
  const questions: HookQuestion[] = [];
  let said = '';
  hook.stderr?.on('data', (part: Buffer) => (said += part.toString()));
  answerHooks(hook.stdio[3] as Duplex, async (question, say) => {
    questions.push(question);
    say('a word\nand another');
    return 0;
  });
  hook.stdin?.end(input);
  return new Promise((resolve) => hook.once('close', (code) => resolve({ questions, said, code })));
}

test('a question is the updates as git gives them, and where it keeps what came', async () => {
  const { questions, said, code } = await ask(`${before} ${after} refs/heads/main\n${after} ${before} refs/heads/\u00e9 \\n\n`);
  expect(questions).toEqual([
    {
      kind: 'pre-receive',
      received: '/received here',
      updates: [
        { before, after, ref: 'refs/heads/main' },
        { before: after, after: before, ref: 'refs/heads/\u00e9 \\n' },
      ],
    },
  ]);
  expect([said, code]).toEqual(['a word\nand another\n', 0]);
});

test('a name that pretends to end the question, or holds a control character, is refused before anybody judges', async () => {
  for (const name of ['main\nend\nkind post-receive', 'main\n', 'main\nreceived /elsewhere', 'ma\u0001in', 'main\r']) {
    const { questions, said, code } = await ask(`${before} ${after} refs/heads/${name}\n`);
    expect([name, questions, said, code]).toEqual([name, [], 'a hook asked something that is not understood\n', 1]);
  }
});
