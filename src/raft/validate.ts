/** What a message from the wire must look like before the core takes it: nothing in here throws, whatever came. */
import type { Message } from './message.ts';

/** Why a message was refused. */
export interface Invalid {
  readonly invalid: string;
}

type Fields = Readonly<Record<string, unknown>>;

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 256;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

/** Ids without repetition, in any order. */
function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isName) && new Set(value).size === value.length;
}

function indexes(fields: Fields, ...names: string[]): string | undefined {
  const wrong = names.find((name) => !isIndex(fields[name]));
  return wrong === undefined ? undefined : `${wrong} is not an index`;
}

function flag(fields: Fields, name: string): string | undefined {
  return typeof fields[name] === 'boolean' ? undefined : `${name} is not a truth value`;
}

/** Entries follow the place before them without a gap, their terms never fall, and none is of a later term than the sender's. */
function entriesFollow(fields: Fields): string | undefined {
  if (!Array.isArray(fields['entries'])) return 'entries is not a list';
  let index = fields['prevIndex'] as number;
  let term = fields['prevTerm'] as number;
  if (term > (fields['term'] as number) || (index === 0) !== (term === 0)) return 'prevTerm does not fit';
  for (const entry of fields['entries'] as unknown[]) {
    if (!isFields(entry) || entry['index'] !== index + 1) return `the entry behind ${index} is not the next`;
    if (!isIndex(entry['term']) || entry['term'] < Math.max(term, 1) || entry['term'] > (fields['term'] as number))
      return `entry ${index + 1} has a term out of order`;
    if (entry['kind'] !== 'normal' && entry['kind'] !== 'configuration') return `entry ${index + 1} is of an unknown kind`;
    if (!(entry['bytes'] instanceof Uint8Array)) return `entry ${index + 1} has no bytes`;
    index += 1;
    term = entry['term'];
  }
  return undefined;
}

function snapshotFits(fields: Fields): string | undefined {
  const meta = fields['meta'];
  if (!isFields(meta) || !isIndex(meta['index']) || !isIndex(meta['term'])) return 'meta names no place';
  if (meta['index'] === 0 || meta['term'] === 0 || meta['term'] > (fields['term'] as number)) return 'meta names an impossible place';
  const configuration = meta['configuration'];
  if (!isFields(configuration) || !isNames(configuration['voters']) || !isNames(configuration['learners'])) return 'meta has no configuration';
  const { addresses } = configuration;
  if (addresses !== undefined && !(isFields(addresses) && Object.values(addresses).every(isName))) return 'meta has addresses that are none';
  if (!isNames([...configuration['voters'], ...configuration['learners']])) return 'somebody is both voter and learner';
  return configuration['voters'].length === 0 ? 'nobody votes' : undefined;
}

const checks: Readonly<Record<Message['type'], (fields: Fields) => string | undefined>> = {
  preVote: (fields) => indexes(fields, 'lastIndex', 'lastTerm', 'commit', 'commitTerm') ?? flag(fields, 'transfer'),
  vote: (fields) => indexes(fields, 'lastIndex', 'lastTerm', 'commit', 'commitTerm') ?? flag(fields, 'transfer'),
  preVoteReply: (fields) => indexes(fields, 'commit', 'commitTerm') ?? flag(fields, 'granted'),
  voteReply: (fields) => indexes(fields, 'commit', 'commitTerm') ?? flag(fields, 'granted'),
  append: (fields) => indexes(fields, 'prevIndex', 'prevTerm', 'commit') ?? entriesFollow(fields),
  appendReply: (fields) => indexes(fields, 'index', 'hintIndex', 'hintTerm', 'commit') ?? flag(fields, 'rejected'),
  heartbeat: (fields) => indexes(fields, 'commit', 'readSequence'),
  heartbeatReply: (fields) => indexes(fields, 'readSequence'),
  snapshot: snapshotFits,
  timeoutNow: () => undefined,
  readIndex: (fields) => (isName(fields['requestId']) ? undefined : 'requestId is not a name'),
  readIndexReply: (fields) => (isName(fields['requestId']) ? indexes(fields, 'index') : 'requestId is not a name'),
};

export interface Way {
  /** Whom the transport's certificate names. */
  readonly from: string;
  /** This member. */
  readonly to: string;
}

/**
 * Checks `value` as a message that came this way. Whether the sender may speak at all is the transport's to say: a member
 * that lags behind does not know all members, so its own configuration cannot tell.
 */
export function validate(value: unknown, way: Way): Invalid | undefined {
  const invalid = reason(value, way);
  return invalid === undefined ? undefined : { invalid };
}

function reason(value: unknown, way: Way): string | undefined {
  if (!isFields(value)) return 'it is no message';
  const { type, from, to, term } = value;
  if (typeof type !== 'string' || !Object.hasOwn(checks, type)) return 'it is of an unknown type';
  if (from !== way.from || from === to) return 'it is from somebody else';
  if (to !== way.to) return 'it is for somebody else';
  // Who speaks has entered a term, except to refuse the first.
  if (!isIndex(term) || (term === 0 && type !== 'preVoteReply')) return 'it has no term';
  return checks[type as Message['type']](value);
}
