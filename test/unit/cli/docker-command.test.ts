import { expect, test } from 'vitest';
import { DockerCommand, plainSwitches } from '../../../src/cli/docker-command.ts';

function parse(args: string[]): { flags: object; operands: string[] } {
  const command = new DockerCommand('x')
    .option('-d, --detach')
    .option('--prune', '', true)
    .option('--no-prune')
    .option('--no-trunc')
    .option('--name <text>')
    .argument('[words...]');
  command.exitOverride().parse(args, { from: 'user' });
  return { flags: command.opts(), operands: command.args };
}

const off = { prune: true, trunc: true };

test.each([
  [['--detach', 'web'], { ...off, detach: true }, ['web']],
  [['--detach=true', 'web'], { ...off, detach: true }, ['web']],
  [['-d=1', 'web'], { ...off, detach: true }, ['web']],
  [['--detach=false', 'web'], off, ['web']],
  [['--prune=false'], { ...off, prune: false }, []],
  [['--no-trunc=true'], { ...off, trunc: false }, []],
  [['--no-trunc=0'], off, []],
  [['--name=false', 'web'], { ...off, name: 'false' }, ['web']],
  [['web', '--', '--detach=false'], off, ['web', '--detach=false']],
])('%j', (args, flags, operands) => {
  expect(parse(args)).toEqual({ flags, operands });
});

test('another value is refused in docker’s words', () => {
  for (const text of ['maybe', 'constructor'])
    expect(() => plainSwitches(new DockerCommand('x').option('-d, --detach').options, [`--detach=${text}`])).toThrow(
      `invalid argument "${text}" for "-d, --detach" flag: strconv.ParseBool: parsing "${text}": invalid syntax`,
    );
});

test('the words of another program are left as they are', () => {
  const command = new DockerCommand('x').option('--init').option('-e, --env <text>').argument('<image>').argument('[words...]').passThroughOptions();
  command.parse(['--init=true', '-e', 'A=1', 'image', 'sh', '--init=false', '-x=true'], { from: 'user' });
  expect([command.opts(), command.args]).toEqual([{ init: true, env: 'A=1' }, ['image', 'sh', '--init=false', '-x=true']]);
});
