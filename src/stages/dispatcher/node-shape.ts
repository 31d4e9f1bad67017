/** What a node says of itself and its tasks, read as Go's clients will read it: known fields of known types, and nothing else. */
import { printableCell } from '#base/text/printable';
import { shownName } from '#base/text/shown-name';
import { isPlace } from '#model/manager-address';
import { isHostAddress, parseSubnet } from '#model/ipv4';
import type { NodeDescription, NodeEncryption, PortClash } from '#model/object/node';
import { digestForm, type RunRelease } from '#model/release/release';
import type { Resources } from '#model/object/service-spec';
import type { TaskStatus } from '#model/object/task';
import { genericResource, port } from '#model/shape/service-shape';
import { flag, int64, list, object, record, text, word } from '#model/shape/shape';

type Said = NonNullable<NodeDescription['Shoal']>;

/** A host's networks and routes; what is beyond is not avoided. */
const subnetsLimit = 4096;
const lacksLimit = 200;
const versionLimit = 64;
const failureLimit = 500;

const description = object<NodeDescription>({
  Hostname: text,
  Platform: object<NodeDescription['Platform']>({ Architecture: text, OS: text }),
  Resources: object<Omit<Resources, 'Shoal'>>({ NanoCPUs: int64, MemoryBytes: int64, GenericResources: list(genericResource) }),
  Engine: object<NodeDescription['Engine']>({
    EngineVersion: text,
    Labels: record(text),
    Plugins: list(object<{ Type: string; Name: string }>({ Type: text, Name: text })),
  }),
  TLSInfo: object<NonNullable<NodeDescription['TLSInfo']>>({ TrustRoot: text, CertIssuerSubject: text, CertIssuerPublicKey: text }),
  Shoal: object<Said>({
    UsedSubnets: list(text),
    EngineSubnets: list(text),
    Role: word('Role', 'manager', 'worker'),
    DataPathAddr: text,
    ManagerAddr: text,
    FeatureLevel: int64,
    Encryption: object<NodeEncryption>({ Key: text, Next: text, Port: int64, Lacks: text }),
    Clashes: list(object<PortClash>({ Service: text, Text: text })),
    Release: object<RunRelease>({
      Version: text,
      Digest: text,
      Probation: flag,
      Failed: object<NonNullable<RunRelease['Failed']>>({ Digest: text, Attempt: int64, Text: text }),
    }),
  }),
});

const portStatus = object<NonNullable<TaskStatus['PortStatus']>>({ Ports: list(port) });

/** Refuses `invalidArgument` a field of another type; fields that are not known are left out. */
export function readDescription(value: NodeDescription): NodeDescription {
  const read = description(value, 'Description');
  if (!read.Shoal) return read;
  const { UsedSubnets, EngineSubnets, DataPathAddr, ManagerAddr, Encryption, Release, ...rest } = read.Shoal;
  const Shoal: Said = {
    ...rest,
    ...(UsedSubnets && { UsedSubnets: readSubnets(UsedSubnets) }),
    ...(EngineSubnets && { EngineSubnets: readSubnets(EngineSubnets) }),
    ...(DataPathAddr !== undefined && isHostAddress(DataPathAddr) && { DataPathAddr }),
    ...(ManagerAddr !== undefined && isPlace(ManagerAddr) && { ManagerAddr }),
    ...(Encryption && { Encryption: readEncryption(Encryption) }),
    ...(Release && { Release: readRelease(Release) }),
  };
  return { ...read, Shoal };
}

function readSubnets(texts: readonly string[]): readonly string[] {
  return texts.filter((subnet) => parseSubnet(subnet) !== undefined).slice(0, subnetsLimit);
}

/** Keys and port go into the settings of other hosts: what is none is left out, and then the node cannot encrypt. */
function readEncryption({ Key, Next, Port, Lacks }: NodeEncryption): NodeEncryption {
  const lacks = Lacks !== undefined && { Lacks: Lacks.slice(0, lacksLimit) };
  if (!isKey(Key) || Port === undefined || Port < 1 || Port > 65_535) return { ...lacks };
  return { Key, Port, ...(isKey(Next) && { Next }), ...lacks };
}

/** People read it, and it says whose turn is next. */
function readRelease({ Version, Digest, Probation, Failed }: RunRelease): RunRelease {
  const { Digest: failed = '', Attempt = 0, Text = '' } = Failed ?? {};
  return {
    Version: shownName(Version).slice(0, versionLimit),
    ...(isDigest(Digest) && { Digest }),
    ...(Probation === true && { Probation }),
    ...(isDigest(failed) && { Failed: { Digest: failed, Attempt, Text: printableCell(Text.slice(0, failureLimit)) } }),
  };
}

function isDigest(text: string | undefined): text is string {
  return text !== undefined && digestForm.test(text);
}

function isKey(text: string | undefined): text is string {
  return text !== undefined && /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);
}

/** Undefined where it is none. */
export function readPortStatus(value: unknown): TaskStatus['PortStatus'] {
  try {
    return portStatus(value, 'PortStatus');
  } catch {
    return undefined;
  }
}
