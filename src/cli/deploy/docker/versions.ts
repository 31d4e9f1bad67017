/** Names that follow the content, on a plain Docker Swarm: found by the digest on each secret, for Docker never shows one again. */
import { randomBytes } from 'node:crypto';
import type { Labels } from '#model/object/meta';
import type { Secret, SecretSpec } from '#model/object/secret';
import type { StackSpec } from '#model/object/stack';
import { contentLabel, versionName, withVersions } from '#model/version-names';
import { withDigest } from '#swarm/requests';
import type { Client } from '../../client.ts';
import { stackFilter } from './sequence.ts';

/** The stack with the names under which its secrets and configs are, or will be, stored, and with what tells their content. */
export async function versionedStack(client: Client, stack: StackSpec): Promise<StackSpec> {
  if (!stack.Versioned) return stack;
  const secret = await chosen(client, 'secret', stack.Secrets, stack.Versioned.Secrets, stack.Name);
  const config = await chosen(client, 'config', stack.Configs, stack.Versioned.Configs, stack.Name);
  const named = withVersions(stack, { secret: secret.names, config: config.names });
  return { ...named, Secrets: named.Secrets.map((spec) => labelled(spec, secret.labels)), Configs: named.Configs.map((spec) => labelled(spec, config.labels)) };
}

interface Chosen {
  /** Plain name → name of the version. */
  names: Map<string, string>;
  /** Name of the version → the label that it has, or gets. */
  labels: Map<string, string>;
}

async function chosen(client: Client, kind: 'secret' | 'config', specs: readonly SecretSpec[], versioned: readonly string[], stack: string): Promise<Chosen> {
  const result: Chosen = { names: new Map(), labels: new Map() };
  if (versioned.length === 0) return result;
  const all = (await client.get<Secret[]>(`/${kind}s`)).map(({ Spec }) => Spec);
  const own = (await client.get<Secret[]>(`/${kind}s`, stackFilter(stack))).map(({ Spec }) => Spec);
  const taken = new Set(all.map(({ Name }) => Name));
  for (const spec of specs) {
    if (!versioned.includes(spec.Name)) continue;
    const name = versionName(spec, own, (candidate) => taken.has(candidate));
    taken.add(name);
    result.names.set(spec.Name, name);
    const present = own.find(({ Name }) => Name === name);
    const label = present ? present.Labels?.[contentLabel] : newLabel(kind, spec);
    if (label !== undefined) result.labels.set(name, label);
  }
  return result;
}

/** A config can be read, so its label says only that a deploy made it. */
function newLabel(kind: 'secret' | 'config', spec: SecretSpec): string | undefined {
  return kind === 'config' ? 'readable' : withDigest(spec, randomBytes).Labels?.[contentLabel];
}

function labelled<S extends { Name: string; Labels?: Labels }>(spec: S, labels: ReadonlyMap<string, string>): S {
  const label = labels.get(spec.Name);
  return label === undefined ? spec : { ...spec, Labels: { ...spec.Labels, [contentLabel]: label } };
}
