/** What every command has at hand: the daemon it talks to and the terminal. */
import type { Command } from 'commander';
import { Client } from './client.ts';
import { CommandError, exitCodes } from './command-error.ts';
import { resolveEndpoint } from './endpoint.ts';
import { processTerminal, type Terminal } from './output/terminal.ts';

export interface Session {
  client: Client;
  terminal: Terminal;
  environment: Readonly<Record<string, string | undefined>>;
}

/** Reads --host, --target and --context from the front of the line. */
export function openSession(command: Command): Session {
  const { host: first, target, context } = programOf(command).opts<{ host?: string; target?: string; context?: string }>();
  if (first !== undefined && target !== undefined) throw new CommandError('--host and --target are one and the same: give one', exitCodes.usage);
  const host = first ?? target;
  return {
    client: new Client(resolveEndpoint({ host, context }, process.env)),
    terminal: processTerminal,
    environment: process.env,
  };
}

/** The front of the line: a command may have flags of the same names, as `service create --host` has. */
function programOf(command: Command): Command {
  return command.parent ? programOf(command.parent) : command;
}

/** Collects a repeatable option. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** `--filter key=value`, repeated, as the API's filters. */
export function filterMap(texts: readonly string[] | undefined): Record<string, string[]> {
  const map = Object.create(null) as Record<string, string[]>;
  for (const text of texts ?? []) {
    const [key = '', ...rest] = text.split('=');
    (map[key.trim().toLowerCase()] ??= []).push(rest.join('=').trim());
  }
  return map;
}
