/** What may stand at the end of a line that somebody is typing: words, names of the cluster, or files. */
import type { Argument, Command, Option } from 'commander';

export type NameKind = 'service' | 'task' | 'node' | 'stack' | 'secret' | 'config' | 'network' | 'repository' | 'context';

export type Candidates = { words: readonly Word[] } | { names: readonly NameKind[]; joined?: string } | { files: true };

interface Word {
  text: string;
  about: string;
}

/** Values of flags that are one of a few. */
const choices: Readonly<Record<string, readonly string[]>> = {
  '--availability': ['active', 'pause', 'drain'],
  '--role': ['worker', 'manager'],
  '--mode': ['replicated', 'global', 'replicated-job', 'global-job'],
  '--endpoint-mode': ['vip', 'dnsrr'],
  '--update-order': ['stop-first', 'start-first'],
  '--rollback-order': ['stop-first', 'start-first'],
  '--update-failure-action': ['pause', 'continue', 'rollback'],
  '--rollback-failure-action': ['pause', 'continue'],
  '--restart-condition': ['none', 'on-failure', 'any'],
  '--resolve-image': ['always', 'changed', 'never'],
  '--trust': ['limited', 'full'],
  '--on-failure': ['rollback', 'stay'],
  '--rewrites': ['hold', 'follow'],
  '--format': ['json', 'table'],
  '--log-driver': ['json-file', 'local', 'journald', 'syslog', 'none'],
  '--template-driver': ['golang'],
};

/** Flags that take a name of the cluster; their placeholder says it for others. */
const namedByFlag: Readonly<Record<string, NameKind>> = {
  '--network': 'network',
  '--network-add': 'network',
  '--network-rm': 'network',
  '--config-from': 'network',
  '--secret': 'secret',
  '--secret-add': 'secret',
  '--secret-rm': 'secret',
  '--config': 'config',
  '--config-add': 'config',
  '--config-rm': 'config',
  '--repo': 'repository',
  '--replace': 'node',
  '--context': 'context',
};

const kinds: readonly NameKind[] = ['service', 'task', 'node', 'stack', 'secret', 'config', 'network', 'repository'];
const filePlaceholder = /file|folder|path/;

/** @param words what stands behind the program's name, the last one as far as it is typed (maybe empty) */
export function candidatesFor(program: Command, words: readonly string[]): Candidates {
  const { command, operands, awaiting } = walk(program, words.slice(0, -1));
  const current = words.at(-1) ?? '';
  const [, long, begun] = /^(--[\w-]+)=(.*)$/.exec(current) ?? [];
  if (long !== undefined && begun !== undefined) return joined(valuesOf(optionOf(command, program, long)), `${long}=`);
  if (awaiting) return valuesOf(awaiting);
  if (current.startsWith('-')) return { words: optionsOf(command) };
  const below = command.commands.filter((child) => !isHidden(child));
  if (below.length > 0) return { words: below.map((child) => ({ text: child.name(), about: firstLine(child.description()) })) };
  const arguments_ = command.registeredArguments;
  const argument = arguments_[Math.min(operands, arguments_.length - 1)];
  if (!argument || (operands >= arguments_.length && !argument.variadic)) return { words: [] };
  return ofArgument(argument, command);
}

/** Which command the words lead to, how many operands it has, and the option that waits for its value. */
function walk(program: Command, words: readonly string[]): { command: Command; operands: number; awaiting: Option | undefined } {
  let [command, operands] = [program, 0];
  let awaiting: Option | undefined;
  for (const word of words) {
    if (awaiting) awaiting = undefined;
    else if (word.startsWith('-') && word !== '-') {
      const option = optionOf(command, program, word);
      awaiting = option?.required === true && !word.includes('=') ? option : undefined;
    } else {
      const child = operands === 0 ? command.commands.find((each) => each.name() === word || each.aliases().includes(word)) : undefined;
      if (child) command = child;
      else operands++;
    }
  }
  return { command, operands, awaiting };
}

function optionOf(command: Command, program: Command, word: string): Option | undefined {
  const flag = word.split('=')[0];
  return [...command.options, ...program.options].find(({ long, short }) => long === flag || short === flag);
}

function valuesOf(option: Option | undefined): Candidates {
  const long = option?.long ?? '';
  const named = namedByFlag[long];
  if (named) return { names: [named] };
  const few = option?.argChoices ?? choices[long];
  if (few) return { words: few.map((text) => ({ text, about: '' })) };
  return filePlaceholder.test(/<(.*)>/.exec(option?.flags ?? '')?.[1] ?? '') ? { files: true } : { words: [] };
}

function joined(candidates: Candidates, before: string): Candidates {
  if ('words' in candidates) return { words: candidates.words.map(({ text, about }) => ({ text: `${before}${text}`, about })) };
  return 'names' in candidates ? { ...candidates, joined: before } : candidates;
}

function optionsOf(command: Command): Word[] {
  const own = command.options.filter(({ hidden }) => !hidden);
  return [
    ...own.map(({ long, flags, description }) => ({ text: long ?? flags, about: firstLine(description) })),
    { text: '--help', about: 'what is possible' },
  ];
}

function ofArgument(argument: Argument, command: Command): Candidates {
  const name = argument.name();
  if (name.includes('file')) return { files: true };
  if (name === 'role') return { words: ['worker', 'manager'].map((text) => ({ text, about: '' })) };
  const found = kinds.filter((kind) => name.split(/[|=]/).includes(kind));
  if (found.length > 0) return { names: found };
  // `<name>` is one of the group's own kind, but where the command makes a new one.
  const group = command.parent?.name() ?? '';
  const makes = ['create', 'add', 'init'].includes(command.name());
  const own = kinds.find((kind) => kind === group || (group === 'repo' && kind === 'repository'));
  return (name === 'name' || name === 'id') && own && !makes ? { names: [own] } : { words: [] };
}

function isHidden(command: Command): boolean {
  return command.name().startsWith('_');
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
