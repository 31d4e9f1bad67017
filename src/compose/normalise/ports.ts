/** Published ports: short texts, ranges and long maps to one entry per target port. */
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import type { PortModel } from '../project.ts';
import { goText, isList, isMap, numberOf } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import { bracketed, isUnspecified } from '#model/address';
import { maxPorts } from '../yaml/limits.ts';
import type { Context } from './context.ts';
import { decodeError, given, text } from './decode.ts';
import { parsePortSpec, parseRange } from './port-spec.ts';
import type { PortBinding } from './port-spec.ts';

export function ports(value: Value | undefined, context: Context): PortModel[] | undefined {
  if (!isList(value)) return undefined;
  const all: PortModel[] = [];
  for (const item of value) {
    if (context.published.ports > maxPorts) break;
    const found = isMap(item) ? longPort(item, context) : shortPort(goText(item), context);
    context.published.ports += found.length;
    for (const port of found) all.push(port);
  }
  if (context.published.ports > maxPorts) throw new Refusal('invalidArgument', `more than ${maxPorts} ports`, { path: ['ports'] });
  return all;
}

/** One text may name many ports; they come in the order of their targets' texts. */
function shortPort(spec: string, context: Context): PortModel[] {
  let bindings: PortBinding[];
  try {
    bindings = parsePortSpec(spec);
  } catch (error) {
    throw error instanceof Refusal ? decodeError('Ports', error.message) : error;
  }
  const key = (binding: PortBinding): string => `${binding.target}/${binding.protocol}`;
  return bindings
    .sort((a, b) => compareTexts(key(a), key(b)))
    .flatMap((binding) => {
      const bound = !isUnspecified(binding.address);
      if (bound && context.mode === 'strict') warnAddress(binding, context);
      return spread(binding.published).map((published) =>
        given<PortModel>({
          mode: 'ingress',
          target: binding.target,
          published,
          protocol: binding.protocol,
          host_ip: bound && context.mode === 'spec' ? binding.address : undefined,
        }),
      );
    });
}

function warnAddress(binding: PortBinding, context: Context): void {
  const { first, last } = binding.published ?? { first: '', last: '' };
  const port = first === last ? first : `${first}-${last}`;
  const host = bracketed(binding.address);
  context.warn(`ignoring IP-address (${host}:${port}:${binding.target}/${binding.protocol}) service will listen on '0.0.0.0'`);
}

/** Published numbers; 0 and nothing mean that the cluster chooses. */
function spread(range: { first: number; last: number } | undefined): (number | undefined)[] {
  if (!range) return [undefined];
  return Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index || undefined);
}

function longPort(map: ValueMap, context: Context): PortModel[] {
  const target = targetOf(map.target);
  const base = given<PortModel>({
    mode: text(map.mode, 'Mode'),
    target,
    protocol: text(map.protocol, 'Protocol'),
    name: text(map.name, 'Name'),
    host_ip: text(map.host_ip, 'host_ip'),
    app_protocol: text(map.app_protocol, 'app_protocol'),
    options: context.mode === 'spec' ? map['x-shoal'] : undefined,
  });
  if (context.mode === 'strict') return [given<PortModel>({ ...base, published: numberOf(map.published) || undefined } as PortModel)];
  const spec = map.published === undefined || map.published === null ? undefined : goText(map.published);
  const range = spec === undefined || spec === '' ? undefined : parseRange(spec);
  if (spec !== undefined && spec !== '' && !range) throw new Refusal('invalidArgument', `published port '${spec}' is no port or range of ports`);
  return spread(range).map((published) => given<PortModel>({ mode: 'ingress', protocol: 'tcp', ...base, published } as PortModel));
}

function targetOf(value: Value | undefined): number | undefined {
  const number = numberOf(value) ?? (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined);
  if (number !== undefined && (number < 0 || number > 0xffffffff)) throw decodeError('target', `${number} overflows uint`);
  return number;
}
