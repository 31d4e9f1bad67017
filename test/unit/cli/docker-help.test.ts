/** Every option of docker's own commands is one of ours too: that each of ours does something, or is refused by its name, is held by flags.test.ts. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Command } from 'commander';
import { buildProgram } from '#cli/program';

const walked = ['network create', 'network ls', 'network inspect', 'network prune', 'network rm'].concat(
  ['init', 'join', 'join-token', 'leave', 'update', 'ca', 'unlock', 'unlock-key'].map((name) => `swarm ${name}`),
  ['promote', 'demote', 'rm', 'update', 'ps', 'inspect', 'ls'].map((name) => `node ${name}`),
);
/** Without any option, or in some versions of docker. */
const bare = ['network rm', 'swarm unlock', 'node promote', 'node demote'];

/** Options that docker's help names, as `--name`. */
function dockerOptions(command: string): string[] {
  const help = execFileSync('docker', [...command.split(' '), '--help'], { encoding: 'utf8' });
  const [, options = ''] = help.split(/^Options:$/m);
  return [...options.matchAll(/^ {2,6}(?:-\w, )?(--[\w-]+)/gm)].map(([, name = '']) => name);
}

function ownOptions(command: string): (string | undefined)[] {
  const [group, name] = command.split(' ');
  const find = (parent: Command, word: string | undefined): Command | undefined => parent.commands.find((child) => child.name() === word);
  const outer = find(buildProgram(), group);
  return (outer && find(outer, name))?.options.map(({ long }) => long) ?? [];
}

test.each(walked)("docker %s has no option that we don't have", (command) => {
  const asked = dockerOptions(command);
  const own = ownOptions(command);
  if (!bare.includes(command)) expect(asked).not.toEqual([]);
  expect(asked.filter((option) => !own.includes(option))).toEqual([]);
});
