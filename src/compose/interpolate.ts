/** Puts variables' values into every text of a file, and reads the result as a number or boolean where one is asked for. */
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import { Float, goQuote, isList, isMap, newMap } from './value.ts';
import type { Path, Value } from './value.ts';

/** Throws Refusal with the facts {template} when `text` is malformed. */
export type Substitute = (text: string, path: Path) => string;

type Kind = 'integer' | 'float' | 'boolean';

const casts: readonly (readonly [pattern: string, kind: Kind])[] = [
  ['services.*.configs.[].mode', 'integer'],
  ['services.*.secrets.[].mode', 'integer'],
  ['services.*.healthcheck.retries', 'integer'],
  ['services.*.healthcheck.disable', 'boolean'],
  ['services.*.deploy.replicas', 'integer'],
  ['services.*.deploy.update_config.parallelism', 'integer'],
  ['services.*.deploy.update_config.max_failure_ratio', 'float'],
  ['services.*.deploy.rollback_config.parallelism', 'integer'],
  ['services.*.deploy.rollback_config.max_failure_ratio', 'float'],
  ['services.*.deploy.restart_policy.max_attempts', 'integer'],
  ['services.*.deploy.placement.max_replicas_per_node', 'integer'],
  ['services.*.ports.[].target', 'integer'],
  ['services.*.ports.[].published', 'integer'],
  ['services.*.ulimits.*', 'integer'],
  ['services.*.ulimits.*.hard', 'integer'],
  ['services.*.ulimits.*.soft', 'integer'],
  ['services.*.oom_score_adj', 'integer'],
  ['services.*.privileged', 'boolean'],
  ['services.*.read_only', 'boolean'],
  ['services.*.stdin_open', 'boolean'],
  ['services.*.tty', 'boolean'],
  ['services.*.volumes.[].read_only', 'boolean'],
  ['services.*.volumes.[].volume.nocopy', 'boolean'],
  ['networks.*.external', 'boolean'],
  ['networks.*.internal', 'boolean'],
  ['networks.*.attachable', 'boolean'],
  ['volumes.*.external', 'boolean'],
  ['secrets.*.external', 'boolean'],
  ['configs.*.external', 'boolean'],
];

/** What Docker forgot to cast, and spec mode does; permission bits it leaves as texts, for those are octal. */
const specCasts: readonly (readonly [pattern: string, kind: Kind])[] = [
  ...casts.filter(([pattern]) => !pattern.endsWith('.mode')),
  ['services.*.init', 'boolean'],
  ['services.*.scale', 'integer'],
  ['services.*.pids_limit', 'integer'],
  ['services.*.oom_kill_disable', 'boolean'],
  ['services.*.deploy.resources.limits.pids', 'integer'],
  ['services.*.deploy.resources.reservations.generic_resources.[].discrete_resource_spec.value', 'integer'],
  ['services.*.depends_on.*.required', 'boolean'],
  ['services.*.depends_on.*.restart', 'boolean'],
  ['services.*.env_file.[].required', 'boolean'],
  ['services.*.volumes.[].bind.create_host_path', 'boolean'],
  ['networks.*.enable_ipv6', 'boolean'],
];

interface Cast {
  steps: readonly string[];
  kind: Kind;
}

/** Patterns by their number of steps, since most paths are the wrong length for most of them. */
function byLength(patterns: typeof casts): ReadonlyMap<number, readonly Cast[]> {
  const result = new Map<number, Cast[]>();
  for (const [pattern, kind] of patterns) {
    const steps = pattern.split('.');
    result.set(steps.length, [...(result.get(steps.length) ?? []), { steps, kind }]);
  }
  return result;
}

const strictByLength = byLength(casts);
const specByLength = byLength(specCasts);

/**
 * Throws Refusal with Docker's texts and the facts {path}. Keys are never touched; sections and their entries
 * come out sorted, so that where Docker tells one of several mistakes at random, ours is always the same. A `lenient` cast that fails leaves
 * the text for the schema to judge.
 */
export function interpolate(value: Value, substitute: Substitute, lenient = false, path: Path = []): Value {
  if (typeof value === 'string') return interpolateText(value, substitute, lenient, path);
  if (isList(value)) return value.map((item, index) => interpolate(item, substitute, lenient, [...path, index]));
  if (!isMap(value)) return value;
  const result = newMap();
  const keys = Object.keys(value);
  for (const key of path.length < 2 ? keys.sort(compareTexts) : keys) result[key] = interpolate(value[key] ?? null, substitute, lenient, [...path, key]);
  return result;
}

function interpolateText(text: string, substitute: Substitute, lenient: boolean, path: Path): Value {
  const shown = path.map((step) => (typeof step === 'number' ? '[]' : step)).join('.');
  let result: string;
  try {
    result = substitute(text, path);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.facts['endless'] === true) throw new Refusal(error.code, error.message, { path });
    const { template = text } = error.facts as { template?: string };
    throw new Refusal('invalidArgument', `invalid interpolation format for ${shown}: ${goQuote(template)}; you may need to escape any $ with another $`, {
      path,
    });
  }
  if (result === text) return text;
  // Split again: a dot inside a service's name parts it here, as it does for Docker.
  const steps = shown.split('.');
  const cast = (lenient ? specByLength : strictByLength)
    .get(steps.length)
    ?.find((candidate) => candidate.steps.every((step, index) => step === '*' || step === steps[index]));
  if (!cast) return result;
  const error = (why: string): Refusal =>
    new Refusal('invalidArgument', `error while interpolating ${shown}: failed to cast to expected type: ${why}`, { path });
  try {
    return castText(result, cast.kind, error);
  } catch (refusal) {
    if (lenient && refusal instanceof Refusal) return result;
    throw refusal;
  }
}

function castText(text: string, kind: Kind, error: (why: string) => Refusal): Value {
  if (kind === 'boolean') {
    const lower = text.toLowerCase();
    if (['y', 'yes', 'true', 'on'].includes(lower)) return true;
    if (['n', 'no', 'false', 'off'].includes(lower)) return false;
    throw error(`invalid boolean: ${text}`);
  }
  if (kind === 'integer') {
    if (!/^[-+]?\d+$/.test(text)) throw error(`strconv.Atoi: parsing ${goQuote(text)}: invalid syntax`);
    const value = BigInt(text.replace('+', ''));
    if (value >= 2n ** 63n || value < -(2n ** 63n)) throw error(`strconv.Atoi: parsing ${goQuote(text)}: value out of range`);
    return Number(value);
  }
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw error(`strconv.ParseFloat: parsing ${goQuote(text)}: invalid syntax`);
  return new Float(value);
}
