/** What a node sends is looked at before anything is decided on it: one that lies, or runs another program, harms itself alone. */
import { canonicalTime } from '#base/clock';
import { Refusal } from '#base/refusal';
import { jsonLength } from '#base/text/json-length';
import { addressNumber } from '#model/ipv4';
import { longestDescription, reportsPerCall, type AttachmentChange, type TaskStatusUpdate } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';
import type { TaskStatus } from '#model/object/task';
import { keptStatus } from '#model/task-status';
import { readDescription, readPortStatus } from './node-shape.ts';

/** Of a container, a network or another name for a container. */
const longestName = 255;
const aliasesLimit = 64;
const clashesLimit = 64;
/** Of a sentence. */
const longestText = 1000;

/** What a node may say of a task; the other states are the managers' to give. */
const states: ReadonlySet<unknown> = new Set([
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
]);

/** Refuses `invalidArgument` what is no list of reports, more than a call may bring, and states that are not a node's to say. */
export function checkReports(updates: readonly TaskStatusUpdate[]): void {
  if (!Array.isArray(updates)) refuse('reports are a list');
  if (updates.length > reportsPerCall) refuse(`a call brings at most ${reportsPerCall} reports`);
  for (const update of updates as readonly unknown[]) {
    const { taskId, status } = record(update, 'a report');
    const { State, Timestamp, Message, Err = '' } = record(status, 'the status of a report');
    if (typeof taskId !== 'string') refuse('a report names a task');
    if (!states.has(State)) refuse(`a node may not report the state ${typeof State === 'string' ? JSON.stringify(State) : typeof State}`);
    if (![Timestamp, Message, Err].every((text) => typeof text === 'string')) refuse('the status of a report has a time and a message');
  }
}

/** The status as it is kept: what we know of it, and what is too long without what makes it so. The others that came with it need not suffer. */
export function bounded({ Timestamp, State, Message, Err, ContainerStatus, PortStatus }: TaskStatus): TaskStatus {
  const { ContainerID, PID, ExitCode } = isRecord(ContainerStatus) ? ContainerStatus : {};
  const container = {
    ...(isShortText(ContainerID) && { ContainerID: ContainerID as string }),
    ...(Number.isSafeInteger(PID) && { PID: PID as number }),
    ...(Number.isSafeInteger(ExitCode) && { ExitCode: ExitCode as number }),
  };
  const ports = PortStatus && readPortStatus(PortStatus);
  return keptStatus({
    Timestamp: Timestamp.length <= longestName ? canonicalTime(Timestamp) : '',
    State,
    Message,
    ...(Err !== undefined && { Err }),
    ...(ContainerStatus && { ContainerStatus: container }),
    ...(ports && { PortStatus: ports }),
  });
}

/** Refuses `invalidArgument` what no attachment can be made of. */
export function checkAttachment(change: AttachmentChange): void {
  const { type, taskId, networkId = '', containerId, name, network, aliases, address = '', running } = record(change, 'an attachment');
  const texts = type === 'attach' ? [containerId, name, network, address] : type === 'tell' ? [taskId, containerId, name] : [taskId, networkId];
  if (!['attach', 'tell', 'park', 'wake', 'detach'].includes(type as string)) refuse('an attachment is to be made, told of, parked, woken or ended');
  if (!texts.every(isShortText)) refuse('an attachment names container, network and address by short texts');
  if (type === 'tell' && typeof running !== 'boolean') refuse('an attachment says whether its container runs');
  if (type !== 'attach') return;
  if (!Array.isArray(aliases) || aliases.length > aliasesLimit || !aliases.every(isShortText)) refuse(`an attachment has at most ${aliasesLimit} aliases`);
  if (address !== '' && addressNumber(address as string) === undefined) refuse(`invalid address ${String(address)}`);
}

function isShortText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= longestName;
}

/** What of the description is known. Refuses `invalidArgument` what the stages, and clients, could not go by. */
export function takenDescription(description: NodeDescription): NodeDescription {
  checkDescription(description);
  return readDescription(description);
}

function checkDescription(description: NodeDescription): void {
  const { Hostname, Platform, Resources, Engine, Shoal = {} } = record(description, 'a description');
  if (jsonLength(description) > longestDescription) refuse(`a description takes at most ${longestDescription} bytes`);
  const { Clashes = [] } = record(Shoal, 'what a description adds');
  if (!Array.isArray(Clashes) || Clashes.length > clashesLimit || !Clashes.every(isClash))
    refuse(`a description has at most ${clashesLimit} ports that others have`);
  const { Architecture, OS } = record(Platform, 'the platform of a description');
  const { NanoCPUs = 0, MemoryBytes = 0, GenericResources = [] } = record(Resources, 'the resources of a description');
  const { EngineVersion, Plugins = [] } = record(Engine, 'the engine of a description');
  if (![Hostname, Architecture, OS, EngineVersion].every((text) => typeof text === 'string')) refuse('a description has a host name, a platform and an engine');
  if (![NanoCPUs, MemoryBytes].every((count) => Number.isFinite(count))) refuse('the resources of a description are numbers');
  if (![GenericResources, Plugins].every((list) => Array.isArray(list) && list.every(isRecord))) refuse('resources and plugins of a description are lists');
}

function isClash(value: unknown): boolean {
  return isRecord(value) && isShortText(value['Service']) && typeof value['Text'] === 'string' && value['Text'].length <= longestText;
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : refuse(`${what} is an object`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(text: string): never {
  throw new Refusal('invalidArgument', text);
}
