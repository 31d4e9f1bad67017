/** Manual pages, made of what `--help` says: one for the program and one for each command. */
import type { EventEmitter } from 'node:events';
import type { Command } from 'commander';
import { programVersion } from '#base/version';

export interface ManPage {
  /** Such as `shoal-stack-deploy.1`. */
  name: string;
  /** In roff. */
  text: string;
}

export function manPages(command: Command): ManPage[] {
  const below = command.commands.filter((child) => !child.name().startsWith('_'));
  return [{ name: `${pageOf(command)}.1`, text: page(command, below) }, ...below.flatMap(manPages)];
}

function pageOf(command: Command): string {
  return pathOf(command).join('-');
}

function pathOf(command: Command): string[] {
  return [...(command.parent ? pathOf(command.parent) : []), command.name()];
}

function page(command: Command, below: readonly Command[]): string {
  const help = command.createHelp();
  const after: string[] = [];
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write: (text: string) => after.push(text) });
  const options = help.visibleOptions(command).map((option) => item(help.optionTerm(option), help.optionDescription(option)));
  const arguments_ = command.registeredArguments.map((argument) => item(help.argumentTerm(argument), argument.description || argument.name()));
  const lines = [
    `.TH "${pageOf(command).toUpperCase()}" "1" "" "shoal ${programVersion}" "shoal"`,
    '.SH NAME',
    `${escaped(pageOf(command))} \\- ${escaped(command.description().split('\n')[0] ?? '')}`,
    '.SH SYNOPSIS',
    `.B ${escaped(pathOf(command).join(' '))}`,
    escaped(command.usage()),
    ...section('DESCRIPTION', [escaped(command.description())]),
    ...section('ARGUMENTS', arguments_),
    ...section('OPTIONS', options),
    ...section(
      'COMMANDS',
      below.map((child) => item(`${pageOf(child)}(1)`, child.description().split('\n')[0] ?? '')),
    ),
    ...section('NOTES', after.length > 0 ? ['.nf', escaped(after.join('').trim()), '.fi'] : []),
    ...section('SEE ALSO', command.parent ? [`.BR ${escaped(pageOf(command.parent))} (1)`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines];
}

function item(term: string, description: string): string {
  return `.TP\n.B ${escaped(term)}\n${escaped(description)}`;
}

/** What is no ASCII goes by its number. A hyphen is a minus here, a backslash must not begin anything, nor a dot or an apostrophe a line. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/[^\x00-\x7f]/gu, (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`)
    .split('\n')
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line))
    .join('\n');
}
