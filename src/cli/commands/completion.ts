/** `completion`, and what its scripts ask; `man`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { candidatesFor } from '../completion/candidates.ts';
import { namesOf } from '../completion/names.ts';
import { completionScript, filesWord, shells, type Shell } from '../completion/scripts.ts';
import { manPages } from '../output/man-page.ts';
import { openSession } from '../session.ts';

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('print what a shell needs to complete commands, flags and names of the cluster')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText('after', '\nFor the shell at hand: source <(shoal completion bash)')
    .action((shell: Shell, _: object, command: Command) => openSession(command).terminal.raw(completionScript(shell), 'stdout'));
  program
    .command('man')
    .description('write a manual page for each command into a folder, such as /usr/local/share/man/man1')
    .argument('<folder>')
    .action((folder: string) => {
      mkdirSync(folder, { recursive: true });
      for (const { name, text } of manPages(program)) writeFileSync(join(folder, name), text);
    });
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: readonly string[], _: object, command: Command) => {
      const { terminal } = openSession(command);
      for (const line of await answerTo(program, words, command)) terminal.out(line);
    });
}

/** Lines of WORD, or WORD and what it is about behind a tab. */
async function answerTo(program: Command, words: readonly string[], command: Command): Promise<readonly string[]> {
  const candidates = candidatesFor(program, words);
  if ('files' in candidates) return [filesWord];
  const current = words.at(-1) ?? '';
  if ('words' in candidates)
    return candidates.words.filter(({ text }) => text.startsWith(current)).map(({ text, about }) => (about === '' ? text : `${text}\t${about}`));
  const before = candidates.joined ?? '';
  const names = await namesOf(openSession(command).client, candidates.names);
  return names.map((name) => `${before}${name}`).filter((name) => name.startsWith(current));
}
