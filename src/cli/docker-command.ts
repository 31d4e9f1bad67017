/** A command whose switches are written as docker's: `--prune`, `--prune=true` and `--prune=false`, never with the value as a word of its own. */
import { Command, type Option, type ParseOptionsResult } from 'commander';
import { CommandError, exitCodes } from './command-error.ts';

const values: Readonly<Record<string, boolean>> = {
  true: true,
  TRUE: true,
  True: true,
  t: true,
  T: true,
  1: true,
  false: false,
  FALSE: false,
  False: false,
  f: false,
  F: false,
  0: false,
};

export class DockerCommand extends Command {
  override createCommand(name?: string): Command {
    return new DockerCommand(name);
  }

  override parseOptions(args: string[]): ParseOptionsResult {
    return super.parseOptions(plainSwitches(this.options, args));
  }
}

/** `args` with every `--switch=true` as commander knows it; what follows `--` belongs to somebody else. Refuses other values. */
export function plainSwitches(options: readonly Option[], args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  return [...own.flatMap((arg) => plainSwitch(options, arg)), ...args.slice(own.length)];
}

function plainSwitch(options: readonly Option[], arg: string): string[] {
  const [, name, text = ''] = /^(--?[^=]+)=(.*)$/s.exec(arg) ?? [];
  const option = options.find(({ long, short, required, optional }) => (long === name || short === name) && !required && !optional);
  if (!name || !option) return [arg];
  const value = values[text];
  if (value === undefined)
    throw new CommandError(`invalid argument "${text}" for "${option.flags}" flag: strconv.ParseBool: parsing "${text}": invalid syntax`, exitCodes.usage);
  if (value) return [name];
  // Off is what a switch is anyway, unless it can be said only with its opposite.
  const opposite = options.find(({ long, negate }) => negate && long === name.replace(/^--/, '--no-'));
  return opposite?.long ? [opposite.long] : [];
}
