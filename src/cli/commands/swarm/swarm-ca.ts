/** `swarm ca`: the root of the cluster's certificates, shown or exchanged. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Node } from '#model/object/node';
import type { Client } from '../../client.ts';
import { CommandError } from '../../command-error.ts';
import type { Terminal } from '../../output/terminal.ts';
import { collect, openSession } from '../../session.ts';
import { externalCa, externalCaFlag } from './external-ca.ts';
import { duration, type ShownCluster } from './shown-cluster.ts';

interface CaFlags {
  rotate?: boolean;
  caCert?: string;
  caKey?: string;
  certExpiry?: string;
  externalCa?: string[];
  detach?: boolean;
  quiet?: boolean;
}

const lookMs = 200;
const mostTries = 5;
/** A node that was heard of is not silent for so long. */
const down = 'down';

export function addAuthority(swarm: Command): void {
  swarm
    .command('ca')
    .description("show the root of the cluster's certificates, or exchange it")
    .option('--rotate', 'exchange the root; without certificate and key a new one is made')
    .option('--ca-cert <pem-file>', 'certificate of the root that is to be the next')
    .option('--ca-key <pem-file>', 'its key')
    .option('--cert-expiry <duration>', 'how long certificates of nodes are good (default 2160h)')
    .option(...externalCaFlag, collect)
    .option('-d, --detach', 'do not wait until all nodes have certificates of the new root')
    .option('-q, --quiet', 'say nothing while waiting')
    .action(authority);
}

async function authority(flags: CaFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  if (!flags.rotate) return showRoot(flags, (await client.get<ShownCluster>('/swarm')).TLSInfo.TrustRoot, terminal);
  const [cert, key] = [flags.caCert, flags.caKey].map((path) => (path === undefined ? '' : read(path)));
  const externals = flags.externalCa === undefined ? {} : { ExternalCAs: flags.externalCa.map(externalCa) };
  if (cert !== '' && key === '' && flags.externalCa === undefined)
    throw new CommandError('the --ca-cert flag requires that a --ca-key flag and/or --external-ca flag be provided as well');
  const expiry = flags.certExpiry === undefined ? {} : { NodeCertExpiry: duration('--cert-expiry', flags.certExpiry) };
  await begin(client, ({ CAConfig }) => {
    const force = cert === '' && key === '' ? { ForceRotate: (CAConfig.ForceRotate ?? 0) + 1 } : {};
    return { ...CAConfig, ...force, ...expiry, ...externals, SigningCACert: cert, SigningCAKey: key };
  });
  if (!flags.detach) await attend(client, terminal, flags.quiet === true);
}

/** An exchange that is under way may come to its end between a look and the wish: it is for the cluster as it is then. */
async function begin(client: Client, change: (spec: ShownCluster['Spec']) => object): Promise<void> {
  for (let left = mostTries; ; left--) {
    const { Version, Spec } = await client.get<ShownCluster>('/swarm');
    try {
      return void (await client.post('/swarm/update', { ...Spec, CAConfig: change(Spec) }, { query: { version: String(Version.Index) } }));
    } catch (error) {
      if (left === 1 || !(error as Error).message.includes('update out of sequence')) throw error;
    }
  }
}

function showRoot(flags: CaFlags, root: string | undefined, terminal: Terminal): void {
  const needing = (['caCert', 'caKey', 'certExpiry', 'externalCa'] as const).find((name) => flags[name] !== undefined);
  const flag = needing?.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (flag !== undefined) throw new CommandError(`\`--${flag}\` flag requires the \`--rotate\` flag to update the CA`);
  if (!root) throw new CommandError('No CA information available');
  terminal.out(root.trimEnd());
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}

/** Until every node that lives has a certificate of the new root, and trusts nothing else; the others are named. */
async function attend(client: Client, terminal: Terminal, quiet: boolean): Promise<void> {
  let told = '';
  for (;;) {
    const { TLSInfo, RootRotationInProgress } = await client.get<ShownCluster>('/swarm');
    const nodes = await client.get<Node[]>('/nodes');
    const living = nodes.filter(({ Status }) => Status.State !== down);
    const signed = living.filter(({ Description }) => Description?.TLSInfo?.CertIssuerPublicKey === TLSInfo.CertIssuerPublicKey).length;
    const trusting = RootRotationInProgress ? 0 : living.filter(({ Description }) => Description?.TLSInfo?.TrustRoot === TLSInfo.TrustRoot).length;
    const text = `rotated TLS certificates: ${signed}/${living.length} nodes, rotated CA certificates: ${trusting}/${living.length} nodes`;
    if (!quiet && text !== told) terminal.error(text);
    told = text;
    if (!RootRotationInProgress && trusting === living.length && signed === living.length) return finish(terminal, TLSInfo.TrustRoot ?? '', nodes, quiet);
    await pause(lookMs);
  }
}

function finish(terminal: Terminal, root: string, nodes: readonly Node[], quiet: boolean): void {
  const away = nodes.filter(({ Status }) => Status.State === down).map(({ ID, Description }) => Description?.Hostname ?? ID);
  if (!quiet) terminal.error(`desired root digest: sha256:${createHash('sha256').update(root).digest('hex')}`);
  if (!quiet && away.length > 0) terminal.error(`Nodes that are down get their certificates when they come back: ${away.join(', ')}`);
  terminal.out(root.trimEnd());
}
