/** Commands whose switches are read as docker's are: alone, or as --switch=false; they never take the next word. */
import { Command, type Option } from 'commander';
import { CommandError, exitCodes } from './command-error.ts';

const yes: readonly string[] = ['true', '1', 't'];
const no: readonly string[] = ['false', '0', 'f'];

export class DockerCommand extends Command {
  #passesThrough = false;

  override createCommand(name?: string): DockerCommand {
    return new DockerCommand(name);
  }

  override passThroughOptions(passThrough = true): this {
    this.#passesThrough = passThrough;
    return super.passThroughOptions(passThrough);
  }

  override parseOptions(argv: string[]): ReturnType<Command['parseOptions']> {
    return super.parseOptions(this.#spelledOut(argv));
  }

  /** Rewrites switches up to where the words are no longer ours: `--`, a subcommand, a container's command. */
  #spelledOut(words: readonly string[]): string[] {
    const result: string[] = [];
    const own = this.commands.length > 0 || this.#passesThrough;
    for (let index = 0; index < words.length; index += 1) {
      const word = words[index] ?? '';
      if (word === '--' || (own && !/^-./.test(word))) return [...result, ...words.slice(index)];
      const equals = word.indexOf('=');
      const option = this.#find(equals < 0 ? word : word.slice(0, equals));
      if (option?.required && equals < 0) {
        const value = words[(index += 1)];
        result.push(word, ...(value === undefined ? [] : [value]));
      } else if (option && !option.required) result.push(...this.#switch(option, word, equals < 0 ? 'true' : word.slice(equals + 1)));
      else result.push(...this.#together(word));
    }
    return result;
  }

  #find(flag: string): Option | undefined {
    return this.options.find((option) => option.short === flag || option.long === flag);
  }

  #switch(option: Option, word: string, text: string): string[] {
    const value = text.toLowerCase();
    if (!yes.includes(value) && !no.includes(value))
      throw new CommandError(`invalid argument "${text}" for "${option.flags}": it is true or false`, exitCodes.usage);
    if (option.optional) return [`${option.long ?? ''}=${yes.includes(value)}`];
    if (yes.includes(value)) return [word.split('=')[0] ?? ''];
    const opposite = `--no-${option.name()}`;
    return this.#find(opposite) ? [opposite] : [];
  }

  /** `-dq` is `-d -q`. */
  #together(word: string): string[] {
    const flags = /^-\w{2,}$/.test(word) ? [...word.slice(1)].map((letter) => `-${letter}`) : [];
    const options = flags.map((flag) => this.#find(flag));
    if (flags.length === 0 || !options.every((option) => option && !option.required)) return [word];
    return options.flatMap((option, index) => (option ? this.#switch(option, flags[index] ?? '', 'true') : []));
  }
}
