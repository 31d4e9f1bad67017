/** `stack deploy` after the Compose Specification: one request to a daemon of ours, Docker's sequence to another. */
import type { ResolveImages } from '#model/image/image-pin';
import type { StackSpec } from '#model/object/stack';
import { CommandError, exitCodes } from '../command-error.ts';
import { tellResult, withResult } from '../progress/result.ts';
import { timeoutOf, waitAndExit, type WaitFlags } from '../progress/wait.ts';
import type { WaitTarget } from '../progress/watch.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Session } from '../session.ts';
import { whoText } from '../who.ts';
import { expectNeedsUs, type DeployFlags } from './flags.ts';
import { isResolveImages } from './images.ts';
import { planOfStack } from './docker/plan-of-stack.ts';
import { authReader } from './registry-auth.ts';
import { sendStack } from './docker/sequence.ts';
import { loadSpec } from './spec-files.ts';
import { pruneUnused } from './docker/unused.ts';
import { versionedStack } from './docker/versions.ts';

/** What our daemon answers to a deploy. */
interface Deployment {
  Name: string;
  Changed: boolean;
  Services: readonly { ID: string; Name: string; SpecVersion: number; Image?: string; Change: 'created' | 'updated' | 'unchanged' }[];
  Created?: readonly { Kind: string; Name: string }[];
  Removed?: readonly { Kind: string; Name: string }[];
  RevertedBy?: { Repository: string; Suspended: boolean };
  /** In Docker's words. */
  Warnings?: readonly string[];
}

export async function deploySpec(session: Session, name: string | undefined, flags: DeployFlags): Promise<void> {
  timeoutOf(flags);
  const startedAt = Date.now();
  const targets = await withResult(session.terminal, flags.json, startedAt, async () => {
    const spec = loadSpec(session, name, flags);
    const ours = (await session.client.ping()).shoal !== undefined;
    if (!ours && flags.expect !== undefined) throw new CommandError(expectNeedsUs, exitCodes.usage);
    return ours ? await deployToShoal(session, spec, flags) : await deployToDocker(session, spec, flags);
  });
  if (!flags.detach && targets.length > 0) await waitAndExit(session, targets, flags, startedAt);
  else if (flags.json) tellResult(session.terminal, { exit: exitCodes.converged, startedAt, ...(flags.detach && { instead: 'sent' }) });
}

async function deployToShoal({ client, terminal, environment }: Session, spec: StackSpec, flags: DeployFlags): Promise<WaitTarget[]> {
  const ResolveImage = resolveImagesOf(flags, 'changed');
  const RegistryAuth = flags.withRegistryAuth ? await authsOf(spec, environment) : undefined;
  const body = {
    Spec: spec,
    Prune: flags.prune !== false,
    Force: flags.force === true,
    ResolveImage,
    Who: whoText(),
    ...(flags.expect !== undefined && { Expect: flags.expect }),
    ...(RegistryAuth && { RegistryAuth }),
  };
  const deployment = await client.post<Deployment>(`/shoal/v1/stacks/${encodeURIComponent(spec.Name)}`, body);
  tell(terminal, deployment, flags);
  return deployment.Services.map(({ ID, Name, SpecVersion, Change }) => ({ ID, Name, SpecVersion, untouched: Change === 'unchanged' }));
}

function resolveImagesOf(flags: DeployFlags, usual: ResolveImages): ResolveImages {
  const { resolveImage = usual } = flags;
  if (!isResolveImages(resolveImage)) throw new CommandError(`--resolve-image is always, changed or never, not "${resolveImage}"`, exitCodes.usage);
  return resolveImage;
}

async function authsOf(spec: StackSpec, environment: Session['environment']): Promise<Record<string, string>> {
  const read = authReader(environment);
  const images = new Set(spec.Services.map((service) => service.TaskTemplate.ContainerSpec?.Image ?? ''));
  return Object.fromEntries(await Promise.all([...images].map(async (image) => [image, await read(image)] as const)));
}

async function deployToDocker(session: Session, spec: StackSpec, flags: DeployFlags): Promise<WaitTarget[]> {
  const resolveImage = resolveImagesOf(flags, 'always');
  const versioned = await versionedStack(session.client, spec);
  const { plan, lost } = planOfStack(versioned);
  for (const text of lost) session.terminal.error(`warning: ${text}`);
  const quiet: Session = flags.json ? { ...session, terminal: { ...session.terminal, out: () => undefined } } : session;
  // A Docker Swarm knows a stack by its label alone: services go only when that is asked for, as with docker's own CLI.
  const prune = flags.prune === true;
  const registryAuth = flags.withRegistryAuth ? { registryAuth: authReader(session.environment) } : {};
  const services = await sendStack(quiet, plan, { prune, resolveImage, otherDrivers: 'swarm', wait: !flags.detach, ...registryAuth });
  if (flags.prune !== false) await pruneUnused(quiet, versioned);
  return services;
}

function tell(terminal: Terminal, deployment: Deployment, flags: WaitFlags): void {
  if (flags.json) {
    const { Name, Changed, Services, RevertedBy, Warnings } = deployment;
    terminal.out(
      JSON.stringify({
        stack: Name,
        changed: Changed,
        services: Services,
        ...(RevertedBy && { revertedBy: RevertedBy }),
        ...(Warnings && { warnings: Warnings }),
      }),
    );
    return;
  }
  for (const warning of deployment.Warnings ?? []) terminal.error(warning);
  if (deployment.RevertedBy) terminal.error(revertText(deployment.Name, deployment.RevertedBy));
  if (flags.quiet) return;
  for (const { Kind, Name } of deployment.Created ?? []) if (Kind !== 'service') terminal.out(`Creating ${Kind} ${Name}`);
  for (const { Name, ID, Change } of deployment.Services) {
    if (Change === 'created') terminal.out(`Creating service ${Name}`);
    if (Change === 'updated') terminal.out(`Updating service ${Name} (id: ${ID})`);
  }
  for (const { Kind, Name } of deployment.Removed ?? []) terminal.out(`Removing ${Kind} ${Name}`);
  if (!deployment.Changed) terminal.out(`Stack ${deployment.Name} is unchanged`);
}

function revertText(stack: string, { Repository, Suspended }: { Repository: string; Suspended: boolean }): string {
  if (Suspended) return `warning: stack ${stack} belongs to repository ${Repository}, which is suspended: this stays until it is resumed, and is reverted then`;
  return `warning: stack ${stack} belongs to repository ${Repository}, which reverts this at once`;
}
