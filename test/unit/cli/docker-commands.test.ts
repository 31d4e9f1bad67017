/**
 * docker's own commands and flags against ours: none is missing without a reason, and the table in the docs is fresh.
 * What docker has is kept in a fixture, which is compared with its help texts where that very version is installed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { buildProgram } from '#cli/program';

interface DockerFlags {
  version: string;
  commands: Readonly<Record<string, readonly string[]>>;
}

const docker = JSON.parse(readFileSync(new URL('../../fixtures/docker-flags.json', import.meta.url), 'utf8')) as DockerFlags;
const version = /version ([\d.]+)/.exec(spawnSync('docker', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1];
const otherDocker = version === docker.version ? undefined : `docker ${docker.version} is not installed`;

/** Why a command or a flag of docker's is not ours. */
const absent: Readonly<Record<string, string>> = {
  'service create --credential-spec': 'of Windows containers',
  'service update --credential-spec': 'of Windows containers',
  'secret create --driver': 'there are no drivers of secrets',
  'network connect': 'of a container: docker’s own, by the same socket',
  'network disconnect': 'of a container: docker’s own, by the same socket',
};

/** What a flag does beyond docker's, or a command. */
const better: Readonly<Record<string, string>> = {
  'stack deploy': 'waits, with an exit code for each end; one step or not at all; takes the Compose Specification',
  'stack deploy --detach': 'not the default: the end is waited for',
  'stack deploy --prune': 'the default towards our own cluster: by inventory, never by label',
  'stack deploy --resolve-image':
    'asked by the daemon, once; always is refused before any change where a registry is away. Default changed: an unchanged deploy changes nothing when a tag moved',
  'stack config': 'with the Compose Specification; --json',
  'stack rm': 'one step; what others use is refused before anything goes',
  'service create': 'ends with the exit codes of stack deploy',
  'service update': 'ends with the exit codes of stack deploy',
  'service scale': 'ends with the exit codes of stack deploy',
  'service rollback': 'ends with the exit codes of stack deploy',
  'swarm join': '--replace takes a lost node’s place',
  'swarm ca --rotate': 'late nodes come back by proof of their key',
  'swarm init --snapshot-interval': 'obeyed',
  events: 'with stacks and repositories, kept over restarts',
};

const ours = new Map<string, Command>();
function gather(command: Command, path: readonly string[]): void {
  for (const child of command.commands) {
    ours.set([...path, child.name()].join(' '), child);
    gather(child, [...path, child.name()]);
  }
}
gather(buildProgram(), []);

interface Row {
  command: string;
  same: readonly string[];
  better: readonly string[];
  absent: readonly string[];
  more: readonly string[];
}

const rows: Row[] = Object.entries(docker.commands).map(([command, flags]) => {
  const own = ours.get(command)?.options ?? [];
  const longs = new Set(own.map(({ long }) => long));
  const has = (flag: string): boolean => longs.has(flag) || longs.has(flag.replace('--', '--no-'));
  const improved = [command, ...flags.map((flag) => `${command} ${flag}`)].filter((key) => better[key] !== undefined);
  const missing = ours.has(command) ? flags.filter((flag) => !has(flag)).map((flag) => `${command} ${flag}`) : [command];
  return {
    command,
    same: ours.has(command) ? flags.filter((flag) => has(flag) && better[`${command} ${flag}`] === undefined) : [],
    better: improved,
    absent: missing,
    more: own
      .filter(({ long, hidden }) => long && !hidden && !flags.includes(long) && !flags.includes(long.replace('--no-', '--')))
      .map(({ long }) => long ?? ''),
  };
});

test('what docker has and we have not has a reason, and nothing else has one', () => {
  expect(rows.flatMap((row) => row.absent).toSorted()).toEqual(Object.keys(absent).toSorted());
  expect(Object.keys(better).filter((key) => !rows.some((row) => row.better.includes(key)))).toEqual([]);
});

test.skipIf(otherDocker !== undefined)(`the fixture is what docker’s help says${otherDocker ? ` (skipped: ${otherDocker})` : ''}`, () => {
  const help = (...words: string[]): string => spawnSync('docker', [...words, '--help'], { encoding: 'utf8' }).stdout;
  const flagsOf = (text: string): string[] => [...text.matchAll(/^ {2,6}(?:-\w, )?(--[\w-]+)/gm)].map(([, flag = '']) => flag).toSorted();
  const groups = [...new Set(Object.keys(docker.commands).map((name) => name.split(' ')[0] ?? ''))];
  const found = groups.flatMap((group) => {
    const text = help(group);
    const commands = [...text.matchAll(/^ {2}([a-z-]+) {2,}\S/gm)].map(([, name = '']) => name);
    return commands.length === 0 ? [[group, flagsOf(text)] as const] : commands.map((name) => [`${group} ${name}`, flagsOf(help(group, name))] as const);
  });
  expect(Object.fromEntries(found)).toEqual(docker.commands);
});

test('the table in the docs is fresh', async () => {
  const codes = (flags: readonly string[]): string => flags.map((flag) => `\`${flag}\``).join(' ');
  const said = (keys: readonly string[], words: Readonly<Record<string, string>>, command: string): string =>
    keys.map((key) => `${key === command ? '' : `\`${key.slice(command.length + 1)}\`: `}${words[key] ?? ''}`).join('; ');
  const lines = rows.map(
    (row) =>
      `| \`${row.command}\` | ${codes(row.same)} | ${said(row.better, better, row.command)} | ${said(row.absent, absent, row.command)} | ${codes(row.more)} |`,
  );
  const text = `# docker’s commands and ours

Made by a walk over the help texts of docker ${docker.version} and of this program.

| command | flags as docker’s | better | absent, and why | more |
|---|---|---|---|---|
${lines.join('\n')}
`;
  await expect(text).toMatchFileSnapshot(new URL('../../../src/cli/COMMANDS.md', import.meta.url).pathname);
});
