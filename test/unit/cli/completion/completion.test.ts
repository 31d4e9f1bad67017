/** What may follow on a line that somebody types, and what the shells make of it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { candidatesFor } from '#cli/completion/candidates';
import { namesOf } from '#cli/completion/names';
import { completionScript } from '#cli/completion/scripts';
import { buildProgram } from '#cli/program';
import { run } from '#test/support/cli-world';

const program = buildProgram();
const after = (line: string) => candidatesFor(program, line.split(' ').slice(1));
const texts = (line: string): string[] => {
  const found = after(line);
  return 'words' in found ? found.words.map(({ text }) => text) : [];
};

test('commands, and no hidden ones', () => {
  expect(texts('shoal ')).toEqual(expect.arrayContaining(['swarm', 'stack', 'service', 'events', 'completion']));
  expect(texts('shoal ').filter((text) => text.startsWith('_'))).toEqual([]);
  expect(texts('shoal -H unix:///x stack ')).toContain('deploy');
});

test('flags of the command, and values that are one of a few', () => {
  expect(texts('shoal stack deploy --')).toEqual(expect.arrayContaining(['--compose-file', '--prune', '--help']));
  expect(texts('shoal node update --availability ')).toEqual(['active', 'pause', 'drain']);
  expect(texts('shoal node update --availability=d')).toContain('--availability=drain');
  expect(texts('shoal completion ')).toEqual([]);
});

test.each([
  ['shoal service update ', ['service']],
  ['shoal service logs ', ['service', 'task']],
  ['shoal service scale ', ['service']],
  ['shoal service create --network ', ['network']],
  ['shoal service create --network=', ['network']],
  ['shoal stack rm one ', ['stack']],
  ['shoal node inspect ', ['node']],
  ['shoal secret rm ', ['secret']],
  ['shoal repo sync ', ['repository']],
  ['shoal exec ', ['task']],
])('%s has names', (line, names) => {
  expect(after(line)).toMatchObject({ names });
});

test.each([['shoal stack deploy -c '], ['shoal stack deploy --compose-file '], ['shoal secret create new '], ['shoal restore ']])('%s has files', (line) => {
  expect(after(line)).toEqual({ files: true });
});

test.each([['shoal secret create '], ['shoal node ls '], ['shoal service update --replicas ']])('%s has nothing', (line) => {
  expect(after(line)).toEqual({ words: [] });
});

test('names come of the cluster, and none of a daemon that is away or says nonsense', async () => {
  expect((await run(['__complete', '--', 'service', 'update', 'w'])).shown.split('\n')).toContain('web');
  expect((await run(['__complete', '--', 'exec', ''])).shown).toMatch(/^\w+\.1$/m);
  const get = async (): Promise<never> => [{ Spec: { Name: 'good' } }, { Spec: { Name: '$(rm -r)' } }, {}] as never;
  expect(await namesOf({ get }, ['service'])).toEqual(['good']);
  expect(await namesOf({ get: () => Promise.reject(new Error('away')) }, ['service', 'node'])).toEqual([]);
});

test('bash takes the script, and completes with what the program answers', async () => {
  const answers =
    'shoal() { shift; shift; [ "$*" = "node update --availability=d" ] && echo --availability=drain && return; printf "deploy\\tabout\\ndown\\n"; }';
  const line = (words: string): string => `COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _shoal shoal; echo "\${COMPREPLY[*]}"`;
  const script = `${completionScript('bash')}\n${answers}\n${line('shoal stack d')}\n${line('shoal node update --availability = d')}`;
  const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-c', script]);
  expect([stdout, stderr]).toEqual(['deploy down\ndrain\n', '']);
});

/** Stands for the program: what it answers to the words that were typed. */
const answers = 'printf "deploy\\tput: it there\\nnode:1\\t\\n"';
const ran = async (shell: string, args: readonly string[]) => await promisify(execFile)(shell, args);

test.skipIf(!existsSync('/usr/bin/fish'))('fish takes the script, and completes with what the program answers (skipped: fish is not installed)', async () => {
  const program = `function shoal; test "$argv[1]" = __complete; and test "$argv[3..]" = "stack de"; and ${answers}; end`;
  const { stdout, stderr } = await ran('/usr/bin/fish', ['-N', '-c', `${completionScript('fish')}\n${program}\ncomplete -C 'shoal stack de'`]);
  expect([stdout, stderr]).toEqual(['deploy\tput: it there\n', '']);
});

test.skipIf(!existsSync('/usr/bin/zsh'))('zsh takes the script, and completes with what the program answers (skipped: zsh is not installed)', async () => {
  const program = `shoal() { [[ "$*" = "__complete -- stack de" ]] && ${answers}; }`;
  const shell = 'compdef() { :; }; _describe() { print -rl -- "${(@P)2}"; }';
  const typed = 'service=shoal; words=(shoal stack de); CURRENT=3; _shoal';
  const { stdout, stderr } = await ran('/usr/bin/zsh', ['-f', '-c', [shell, completionScript('zsh'), program, typed].join('\n')]);
  expect([stdout, stderr]).toEqual(['deploy:put: it there\nnode\\:1:\n', '']);
});
