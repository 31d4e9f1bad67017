/** `backup` and `restore`: the whole cluster as one sealed file. */
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { readText } from '#http/call';
import { CommandError } from '../command-error.ts';
import { passphraseFor, type PassphraseFlags } from '../passphrase.ts';
import { openSession } from '../session.ts';

interface BackupFlags extends PassphraseFlags {
  stale?: boolean;
}

interface RestoreFlags extends PassphraseFlags {
  advertiseAddr?: string;
  listenAddr?: string;
  force?: boolean;
}

/** What the daemon tells of a restored cluster. */
interface Restored {
  NodeID: string;
  Known: boolean;
  TakenAt: string;
  Containers: number;
  Nodes: readonly string[];
  Foreign: readonly string[];
}

const passphraseHelp = `
The passphrase is asked for at the terminal, or comes from --passphrase-file or SHOAL_BACKUP_PASSPHRASE. Nothing opens the file without it.`;
const answerLimitBytes = 1024 * 1024;

export function addBackup(program: Command): void {
  program
    .command('backup')
    .description('write the whole cluster into one sealed file: its objects, secrets, keys and authority; taken live, by way of any manager')
    .argument('<file>', 'where it goes; one that is there is replaced when the new one is whole')
    .option('--passphrase-file <path>', 'file whose first line is the passphrase, - for standard input')
    .option('--stale', 'what this manager holds, though it may not be the newest: without a majority of managers')
    .addHelpText('after', passphraseHelp)
    .action(backUp);
  program
    .command('restore')
    .description('make a cluster on this node from a backup: it is its only manager, and other nodes join it')
    .argument('<file>', 'what `backup` wrote')
    .option('--advertise-addr <address>', 'address that other nodes reach this one by')
    .option('--listen-addr <address>', 'address to listen on')
    .option('--passphrase-file <path>', 'file whose first line is the passphrase, - for standard input')
    .option('-f, --force', 'also on a node that holds a cluster, which it gives up')
    .addHelpText('after', passphraseHelp)
    .action(restore);
}

async function backUp(file: string, flags: BackupFlags, command: Command): Promise<void> {
  const { client, terminal, environment } = openSession(command);
  const headers = headersOf(await passphraseFor(flags, environment, true));
  const answer = await client.stream('/shoal/v1/backup', { headers, ...(flags.stale && { query: { stale: '1' } }) });
  const unfinished = `${file}.unfinished`;
  try {
    await pipeline(answer, createWriteStream(unfinished, { mode: 0o600, flags: 'wx' }));
    const written = await open(unfinished, 'r');
    try {
      await written.sync();
    } finally {
      await written.close();
    }
    renameSync(unfinished, file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new CommandError(`${unfinished} is there: another backup is being written, or one was broken off; remove it`);
    rmSync(unfinished, { force: true });
    throw new CommandError(`no backup was written: ${message}`);
  }
  terminal.out(`The cluster is backed up in ${file}. Keep its passphrase elsewhere: nobody can restore it without.`);
}

async function restore(file: string, flags: RestoreFlags, command: Command): Promise<void> {
  const { client, terminal, environment } = openSession(command);
  if (!existsSync(file)) throw new CommandError(`there is no file ${file}`);
  const headers = headersOf(await passphraseFor(flags, environment, false));
  const query = { advertise: flags.advertiseAddr, listen: flags.listenAddr, force: flags.force ? '1' : undefined };
  const answer = await client.stream('/shoal/v1/restore', { headers, query, body: createReadStream(file) }, 'POST');
  for (const line of story(JSON.parse(await readText(answer, answerLimitBytes)) as Restored)) terminal.out(line);
}

function* story({ NodeID, Known, TakenAt, Containers, Nodes, Foreign }: Restored): Generator<string> {
  yield `The cluster is as it was at ${TakenAt}. This node (${NodeID}) is its only manager${Known ? '' : ', and new in it'}.`;
  if (Containers > 0) yield `Containers of its tasks that are here already: ${Containers}. They go on, and are not started again.`;
  if (Nodes.length > 0) {
    yield `Nodes that are waited for, for a minute: ${Nodes.join(', ')}. Those that reach a manager at an address they know come by themselves, and what they run goes on.`;
    yield 'Others join with a token; `shoal node rm` forgets those that are gone. Managers of before are workers now: `shoal node promote`.';
  }
  if (Foreign.length > 0) yield `Containers of other nodes are here as well (${Foreign.join(', ')}): nothing looks after them; remove them with docker rm.`;
}

function headersOf(passphrase: string): Record<string, string> {
  return { 'Shoal-Passphrase': Buffer.from(passphrase).toString('base64') };
}
