import { Option } from 'commander';
import { expect, test } from 'vitest';
import { withSaidSwitches } from '#cli/switches';

const options = [new Option('-d, --detach [boolean]', ''), new Option('--name <name>', ''), new Option('-q, --quiet', '')];

test.each([
  ['-d web=3', '--detach=true web=3'],
  ['--detach -q web=3', '--detach=true -q web=3'],
  ['--detach=false web=3', '--detach=false web=3'],
  ['--name -d -d web', '--name -d --detach=true web'],
  ['image sh -d x', 'image sh -d x'],
  ['-- -d', '-- -d'],
])('%s', (given, expected) => expect(withSaidSwitches(options, given.split(' ')).join(' ')).toBe(expected));
