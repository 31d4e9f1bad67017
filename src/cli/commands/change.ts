/** Changes and removals that several commands share. */
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import { CommandError } from '../command-error.ts';
import type { WaitTarget } from '../progress/watch.ts';
import type { Session } from '../session.ts';

interface Prepared {
  spec: ServiceSpec;
  headers?: Record<string, string>;
  warning?: string | undefined;
}

/** Changes a service's spec by `change` and answers what is to be waited for. */
export async function changeService(
  session: Session,
  name: string,
  change: (spec: ServiceSpec) => Prepared | Promise<Prepared>,
  query: Readonly<Record<string, string>> = {},
): Promise<WaitTarget> {
  const path = `/services/${encodeURIComponent(name)}`;
  const service = await session.client.get<Service>(path, { insertDefaults: 'false' });
  const version = String(service.Version.Index);
  const { spec, headers = {}, warning } = await change(service.Spec);
  // Without credentials of its own an update keeps those of the service.
  const from = 'X-Registry-Auth' in headers ? {} : { registryAuthFrom: 'spec' };
  const options = { query: { version, ...from, ...query }, headers };
  const answer = await session.client.post<{ Shoal?: { SpecVersion: number } } | undefined>(`/services/${service.ID}/update`, spec, options);
  if (warning !== undefined) session.terminal.error(warning);
  return { ID: service.ID, Name: service.Spec.Name, ...(answer?.Shoal && { SpecVersion: answer.Shoal.SpecVersion }) };
}

/** Removes objects one by one, says each, and fails at the end if one failed. */
export async function removeEach(
  { client, terminal }: Session,
  names: readonly string[],
  path: (name: string) => string,
  query: Readonly<Record<string, string>> = {},
): Promise<void> {
  const problems: string[] = [];
  for (const name of names) {
    try {
      await client.delete(path(name), query);
      terminal.out(name);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw new CommandError(problems.join('\n'));
}
