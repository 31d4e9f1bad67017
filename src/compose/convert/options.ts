/** `x-shoal`, of a stack, a service or a port, as the labels that say the same. */
import { own } from '#base/text/own';
import { Refusal } from '#base/refusal';
import type { Labels } from '#model/object/meta';
import { optionValues } from '#model/port/port-options';
import { ignorableWords, ignoreOption, isIgnorable } from '#model/options/ignored';
import { optionPrefix } from '#model/options/service-options';
import type { PortModel, Project, ServiceModel } from '../project.ts';
import { isMap } from '../value.ts';
import type { Value } from '../value.ts';

const key = 'x-shoal';

/** Of one service: what the stack says, then the service, then each port. Throws Refusal on what is not known. */
export function optionLabels(service: ServiceModel, project: Project): Labels {
  const ports = (service.ports ?? []).flatMap((port) => Object.entries(labelsOf(port.options, ['ports'], portSuffix(port))));
  return { ...labelsOf(project.extras[key], []), ...labelsOf(service.extras?.[key], []), ...Object.fromEntries(ports) };
}

function labelsOf(value: Value | undefined, path: readonly string[], suffix = ''): Labels {
  if (value === undefined || value === null) return {};
  if (!isMap(value)) throw refuse('it must be a mapping', [...path, key]);
  const known = Object.keys(optionValues);
  const pairs = Object.entries(value).map(([name, said]) => {
    if (name === ignoreOption && suffix === '') return [`${optionPrefix}${name}`, ignoreText(said, [...path, key, name])];
    const allowed = own(optionValues, name);
    if (!allowed) throw refuse(`${name} is not known; there are ${[...known, ignoreOption].join(', ')}`, [...path, key, name]);
    const text = typeof said === 'boolean' ? String(said) : said;
    if (typeof text !== 'string' || !allowed.includes(text)) throw refuse(`${name} is one of ${allowed.join(', ')}`, [...path, key, name]);
    return [`${optionPrefix}${name}${suffix}`, text];
  });
  return Object.fromEntries(pairs) as Labels;
}

/** A list of what is left as it is found. */
function ignoreText(said: Value, path: readonly string[]): string {
  const words = Array.isArray(said) ? said : [];
  const wrong = words.find((word) => typeof word !== 'string' || !isIgnorable(word));
  if (words.length === 0 || wrong !== undefined) throw refuse(`${ignoreOption} is a list of ${ignorableWords.join(', ')}`, path);
  return words.join(',');
}

function portSuffix({ published, target, protocol }: PortModel): string {
  return `.${published || (target ?? 0)}-${protocol || 'tcp'}`;
}

function refuse(why: string, path: readonly string[]): Refusal {
  return new Refusal('invalidArgument', `${key}: ${why}`, { path });
}
