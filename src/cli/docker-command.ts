/** A command whose switches are written as docker's: `--prune`, `--prune=true` and `--prune=false`, never with the value as a word of its own. */
import { own } from '#base/text/own';
import { Command, type Option, type ParseOptionsResult } from 'commander';
import { CommandError, exitCodes } from './command-error.ts';

/** As Go reads them. */
export const booleans: Readonly<Record<string, boolean>> = {
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
  #passesThrough = false;

  override createCommand(name?: string): Command {
    return new DockerCommand(name);
  }

  override passThroughOptions(passThrough = true): this {
    this.#passesThrough = passThrough;
    return super.passThroughOptions(passThrough);
  }

  override parseOptions(args: string[]): ParseOptionsResult {
    return super.parseOptions(plainSwitches(this.options, args, this.#passesThrough));
  }
}

/**
 * `args` with every `--switch=true` as commander knows it; what follows `--` belongs to somebody else,
 * and so does what follows the first operand where `passesThrough`. Refuses other values.
 * @internal
 */
export function plainSwitches(options: readonly Option[], args: readonly string[], passesThrough = false): string[] {
  const end = passesThrough ? firstOperand(options, args) : args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  return [...own.flatMap((arg) => plainSwitch(options, arg)), ...args.slice(own.length)];
}

/** Index of the first word that is neither an option nor an option's value, or of `--`; -1 when there is none. */
function firstOperand(options: readonly Option[], args: readonly string[]): number {
  const isValue = (index: number): boolean => options.some(({ long, short, required }) => required && [long, short].includes(args[index - 1]));
  return args.findIndex((arg, index) => arg === '--' || (!(arg.startsWith('-') && arg !== '-') && !isValue(index)));
}

function plainSwitch(options: readonly Option[], arg: string): string[] {
  const [, name, text = ''] = /^(--?[^=]+)=(.*)$/s.exec(arg) ?? [];
  const option = options.find(({ long, short, required, optional }) => (long === name || short === name) && !required && !optional);
  if (!name || !option) return [arg];
  const value = own(booleans, text);
  if (value === undefined)
    throw new CommandError(`invalid argument "${text}" for "${option.flags}" flag: strconv.ParseBool: parsing "${text}": invalid syntax`, exitCodes.usage);
  if (value) return [name];
  // Off is what a switch is anyway, unless it can be said only with its opposite.
  const opposite = options.find(({ long, negate }) => negate && long === name.replace(/^--/, '--no-'));
  return opposite?.long ? [opposite.long] : [];
}
