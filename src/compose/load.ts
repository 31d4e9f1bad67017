/** The one door of this room: stack files in, a checked stack or reasons out. */
import { Refusal } from '#base/refusal';
import type { StackSpec } from '#model/object/stack';
import type { Diagnostic, LoadRequest, LoadResult } from './compose.ts';
import { loadSpec } from './spec/load.ts';
import { loadStrict } from './strict/plan.ts';
import type { Stage, StrictPlan } from './strict/plan.ts';

/** Never throws on what a file holds; `stack` is absent when a diagnostic is an error. */
export function loadStack(request: LoadRequest): LoadResult {
  return request.mode === 'spec' ? loadSpec(request) : strictStack(request);
}

function strictStack(request: LoadRequest): LoadResult {
  const result = loadStrict(request);
  const diagnostics: Diagnostic[] = result.notices.map((notice) => ({
    severity: 'warning',
    message: (notice.kind === 'log' ? notice.message : notice.text).trim(),
  }));
  if (!result.plan) return { diagnostics: [...diagnostics, errorDiagnostic(result.error ?? '', result.facts ?? {})] };
  try {
    return { stack: stackOf(result.plan), diagnostics };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { diagnostics: [...diagnostics, errorDiagnostic(error.message, error.facts)] };
  }
}

function stackOf(plan: StrictPlan): StackSpec {
  const secrets = reached(plan.secrets);
  const configs = reached(plan.configs);
  const services = plan.services.map((service) => {
    reached(service.secrets);
    reached(service.configs);
    return reached(service.spec);
  });
  return {
    Name: plan.stack,
    Networks: plan.networks,
    Secrets: secrets,
    Configs: configs,
    Services: services,
    External: { Networks: plan.externalNetworks, Secrets: plan.externalSecrets, Configs: plan.externalConfigs },
  };
}

function reached<T>(stage: Stage<T>): T {
  if (!stage.ok) throw new Refusal('invalidArgument', stage.error);
  return stage.value;
}

function errorDiagnostic(message: string, facts: Readonly<Record<string, unknown>>): Diagnostic {
  const { file, line, column, key } = facts;
  return {
    severity: 'error',
    message,
    ...(typeof file === 'string' && { file }),
    ...(typeof line === 'number' && { line }),
    ...(typeof column === 'number' && { column }),
    ...(typeof key === 'string' && { key }),
  };
}
