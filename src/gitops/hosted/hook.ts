/** What git's hooks say to the daemon and hear from it, over the fourth stream of the git that it started: lines both ways. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

export interface RefUpdate {
  before: string;
  after: string;
  ref: string;
}

export interface HookQuestion {
  /** `pre-receive`: may it come in? `post-receive`: it is in; what becomes of it? */
  kind: 'pre-receive' | 'post-receive';
  updates: readonly RefUpdate[];
  /** The folder of what was received and is not taken yet; '' where it is. */
  received: string;
}

/** Answers a hook: lines as they come, and the code that it ends with. */
export type HookJudge = (question: HookQuestion, say: (line: string) => void) => Promise<number>;

/** Of what a hook says; a line for each ref. */
const largestQuestion = 1024 * 1024;

const script = (kind: HookQuestion['kind']): string => `#!/bin/sh
{ printf 'kind ${kind}\\nreceived %s\\n' "$GIT_QUARANTINE_PATH"
  while IFS= read -r line; do printf 'update %s\\n' "$line"; done
  printf 'end\\n'; } >&3
while IFS= read -r line <&3; do
  case "$line" in
    'say '*) printf '%s\\n' "\${line#say }" >&2 ;;
    'end 0') exit 0 ;;
    *) exit 1 ;;
  esac
done
printf '%s\\n' 'the daemon went away: it is not known what became of what was pushed' >&2
exit 1
`;

/** Writes the hooks; the folder that git is told of. */
export function writeHooks(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const kind of ['pre-receive', 'post-receive'] as const) {
    const path = join(folder, kind);
    writeFileSync(path, script(kind));
    chmodSync(path, 0o700);
  }
  return folder;
}

/** Answers what hooks ask on `line`, one after the other. */
export function answerHooks(line: Duplex, judge: HookJudge): void {
  let text = '';
  line.on('error', () => line.destroy());
  line.on('data', (part: Buffer) => {
    text += part.toString('utf8');
    if (text.length > largestQuestion) return void line.destroy();
    const end = /^end\n/m.exec(text);
    if (!end) return;
    const question = parse(text.slice(0, end.index));
    text = text.slice(end.index + end[0].length);
    void answer(line, question, judge);
  });
}

async function answer(line: Duplex, question: HookQuestion | undefined, judge: HookJudge): Promise<void> {
  const write = (words: string): void => void (line.writable && line.write(`${words}\n`));
  const say = (words: string): void => {
    for (const each of words.split('\n')) write(`say ${each}`);
  };
  try {
    if (!question) throw new Error('a hook asked something that is not understood');
    write(`end ${await judge(question, say)}`);
  } catch (error) {
    say((error as Error).message);
    write('end 1');
  }
}

/** Git checks a name only after it asked: each line that it gives is marked as one, and what is no update makes the whole not understood. */
function parse(text: string): HookQuestion | undefined {
  const [head = '', place = '', ...lines] = text.split('\n').slice(0, -1);
  const kind = /^kind (pre-receive|post-receive)$/.exec(head)?.[1] as HookQuestion['kind'] | undefined;
  const received = /^received (.*)$/.exec(place)?.[1];
  const updates = lines.flatMap((line) => updateOf(line) ?? []);
  return kind && received !== undefined && updates.length === lines.length ? { kind, updates, received } : undefined;
}

function updateOf(line: string): RefUpdate | undefined {
  const [, before, after, ref] = /^update ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) ([^\u0000-\u001f\u007f]+)$/.exec(line) ?? [];
  return before && after && ref ? { before, after, ref } : undefined;
}
