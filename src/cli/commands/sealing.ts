/** `secret pubkey|seal`: secrets that lie in a repository and only the cluster can read. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { CommandError } from '../command-error.ts';
import { openSession, type Session } from '../session.ts';
import { readContent } from './secrets-and-configs.ts';

const sealHelp = `
The sealed file is committed in the place of the plain one and named by a stack like any other; it is decrypted in memory when
the stack is applied. Without --repo it is for the whole cluster, which opens it for repositories of full trust alone. What \`age -r\` and \`sops --age\` encrypt for the cluster's public key is read as well.`;

export function addSealing(secret: Command): void {
  secret
    .command('pubkey')
    .description("show the cluster's own age public key, for which secrets in repositories are encrypted")
    .option('--repo <name>', 'that of one repository: nobody has opened what is encrypted for it by another')
    .action(async ({ repo }: { repo?: string }, command: Command) => {
      const session = openSession(command);
      session.terminal.out(await recipientOf(session, repo));
    });
  secret
    .command('seal')
    .description('encrypt a file, or with `-` standard input, so that only the cluster can read it')
    .argument('<file>')
    .option('--repo <name>', 'for this repository alone')
    .option('-o, --output <file>', 'write it there; absent: to standard output')
    .addHelpText('after', sealHelp)
    .action(seal);
}

async function recipientOf({ client }: Session, repository: string | undefined): Promise<string> {
  return (await client.get<{ Recipient: string }>('/shoal/v1/sealing-key', repository === undefined ? {} : { repository })).Recipient;
}

async function seal(file: string, { output, repo }: { output?: string; repo?: string }, command: Command): Promise<void> {
  const session = openSession(command);
  const plain = readContent(file);
  const age = await import('#sealing/age');
  const sealed = await age.seal(await recipientOf(session, repo), plain);
  if (output === undefined) return session.terminal.out(sealed.trimEnd());
  try {
    writeFileSync(output, sealed);
  } catch (error) {
    throw new CommandError(`--output cannot be written: ${(error as Error).message}`);
  }
}
