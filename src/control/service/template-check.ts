/** Templates in a service's spec are tried before it is taken: one that names what does not exist would fail on every node. */
import { Refusal } from '#base/refusal';
import { TemplateBudget } from '#template/budget';
import { TemplateError } from '#template/error';
import { expandTemplate, type TemplateScope } from '#template/expand';
import { textOf } from '#template/text';
import type { ServiceSpec } from '#model/object/service-spec';

/** Refuses with `invalidArgument` (swarmkit manager/controlapi/service.go validates in the same place). */
export function checkTemplates(spec: ServiceSpec): void {
  const container = spec.TaskTemplate.ContainerSpec;
  const scope = placeholders(spec);
  attempt('hostname', container?.Hostname, scope);
  for (const line of container?.Env ?? []) attempt('env', line.slice(line.indexOf('=') + 1), scope, line);
  for (const mount of container?.Mounts ?? []) {
    attempt('mounts', mount.Source, scope);
    attempt('mounts', mount.Target, scope);
  }
}

/** What the nodes will put in; what they alone know is a placeholder here. */
function placeholders(spec: ServiceSpec): TemplateScope {
  const data = {
    Service: { ID: 'id', Name: spec.Name, Labels: spec.Labels ?? {} },
    Node: { ID: 'id', Hostname: 'host', Platform: { Architecture: 'arch', OS: 'os' } },
    Task: { ID: 'id', Name: 'name', Slot: 1 },
  };
  return { data, functions: { join: (separator, ...values) => values.map(textOf).join(textOf(separator)) }, missing: 'error', budget: new TemplateBudget() };
}

/** @param line which of several it is */
function attempt(what: string, text: string | undefined, scope: TemplateScope, line?: string): void {
  try {
    expandTemplate(text ?? '', scope);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const which = line === undefined ? '' : `expanding ${what} ${JSON.stringify(line)}: `;
    throw new Refusal('invalidArgument', `expanding ${what} failed: ${which}${error.called('expansion')}`);
  }
}
