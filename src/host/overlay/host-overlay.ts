/** The networks between hosts: a tunnel device on each network's bridge, and behind which host every address is; nothing is ever flooded. */
import { Coalescer } from '#base/pace/coalescer';
import { OneByOne } from '#base/pace/one-by-one';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { NodeEncryption } from '#model/object/node';
import { isEncrypted } from '#model/object/network';
import type { Counters, Facet, LocalNetwork, Overlay } from '#network/contract';
import { encryptedMtu, encryptedNetworkMtu } from '#network/encryption';
import { planOverlay, type OverlayPlan } from '#network/overlay';
import { repairedOverlay, repairOverlay, type Repair, type SeenOverlay, type Underlay, withNewBridges } from '#network/overlay-repair';
import { type Guarded, overlayRules, overlayTableName } from '#network/rules/overlay-rules';
import { announceChanges } from '../bridge.ts';
import { deviceNames } from '../devices.ts';
import { LoadedRules } from '../loaded-rules.ts';
import type { RuleWatch } from '../rule-watch.ts';
import { EncryptingDevice } from './encrypting-device.ts';
import { groundOf, lookAtOverlay, type Ground } from './overlay-look.ts';
import { batchInput, run } from '../run.ts';

export interface HostOverlayOptions {
  /** Keeps the daemons of one machine apart. */
  instance: string;
  /** Devices of this node are known again by it. */
  nodeId: string;
  /** Where other nodes reach this host. */
  address: string;
}

const limits = { timeoutMs: 20_000 };
const nobody: Overlay = { services: [], networks: [], peers: [] };

export class HostOverlay implements Facet<Overlay> {
  readonly #options: HostOverlayOptions;
  #address: string;
  readonly #devices: typeof deviceNames;
  readonly #logger: Logger;
  readonly #rules: LoadedRules;
  readonly #encrypting: EncryptingDevice;
  readonly #changes = new Coalescer<Overlay>((wanted) => this.#works.alone(() => this.#carryOut(planOverlay(wanted))).then(() => undefined));
  /** An audit that goes by what was wanted before must not take away what a change has just brought. */
  readonly #works = new OneByOne();
  readonly #counters = { tunnels_made: 0, lines: 0, processes: 0, repairs: 0 };
  #wanted: Overlay | undefined;
  /** In force, as far as we know; undefined: somebody has to look. */
  #known: { seen: SeenOverlay; ground: Ground } | undefined;
  /** What was written last did not find all that it was for. */
  #isPartial = false;
  #plan: OverlayPlan | undefined;
  #problems: readonly string[] = [];

  /** @param devices says which network devices there are */
  constructor(options: HostOverlayOptions, { logger, clock, watch }: { logger: Logger; clock: Clock; watch: RuleWatch }, devices = deviceNames) {
    this.#options = options;
    this.#address = options.address;
    this.#devices = devices;
    this.#logger = logger;
    this.#encrypting = new EncryptingDevice({ nodeId: options.nodeId, mark: this.#mark() }, clock);
    this.#rules = new LoadedRules(overlayTableName(options.instance), { logger, watch });
  }

  /** Other nodes reach this host at another address from now on; what leads to it is made so with the next audit. */
  movedTo(address: string): void {
    this.#address = address;
    this.#known = undefined;
  }

  apply(wanted: Overlay): Promise<void> {
    this.#wanted = wanted;
    return this.#changes.submit(wanted);
  }

  async audit(): Promise<readonly string[]> {
    await this.#changes.idle();
    if (!this.#wanted || !this.#plan || isEmpty(this.#plan)) return [];
    const mended = await this.#rules.audit();
    const touched = await this.#works.alone(async () => {
      this.#known = undefined;
      return await this.#carryOut(planOverlay(this.#wanted ?? nobody));
    });
    if (touched.length === 0) return mended;
    this.#counters.repairs += 1;
    return [...mended, `the way to other hosts had been changed by someone else on ${touched.join(', ')}; it is as before again`];
  }

  /** Whether devices and rules are there, at the price of one process where nothing watches the rules. */
  async whole(): Promise<boolean> {
    const { tunnels = [] } = this.#plan ?? {};
    if (tunnels.length === 0) return true;
    if (this.#isPartial) return false;
    if (!this.#known) return true;
    const devices = await this.#devices();
    if (!tunnels.every(({ device, bridge }) => devices.has(device) && devices.has(bridge))) return false;
    return (await this.#rules.whole()) && (await this.#encrypting.whole());
  }

  problems(): readonly string[] {
    return this.#problems;
  }

  async counters(): Promise<Counters> {
    const { repairs = 0, rules_loaded = 0 } = this.#rules.counters();
    return { ...this.#counters, rules_loaded, repairs: repairs + this.#counters.repairs };
  }

  /** The largest packet of a network that may span hosts. */
  async mtu(network: LocalNetwork['network']): Promise<number> {
    const { mtu } = await this.ground();
    return isEncrypted(network) ? encryptedNetworkMtu(mtu) : mtu;
  }

  /** What others are to know of how this host encrypts, or what it lacks. */
  async encryption(): Promise<NodeEncryption> {
    const { local } = await this.ground();
    return local === '' ? { Lacks: `an interface with the address ${this.#address}, by which other nodes know it` } : this.#encrypting.described();
  }

  /** See `EncryptingDevice.rotate`. */
  rotateKey(tell: () => Promise<void>, signal: AbortSignal): Promise<void> {
    return this.#encrypting.rotate(tell, signal);
  }

  /** Hosts that encrypted packets were sent to and that never answered, with the port that they are sent to. */
  async unheard(): Promise<{ hosts: readonly string[]; port: number }> {
    return { hosts: await this.#encrypting.unheard(), port: this.#encrypting.port };
  }

  async ground(): Promise<Ground> {
    return this.#known?.ground ?? (await groundOf(this.#mark(), this.#address));
  }

  /** UDP port of all nodes. */
  get port(): number {
    return planOverlay(this.#wanted ?? nobody).port;
  }

  /** Networks of which something in the kernel is other than applied; nothing is changed. */
  async differing(): Promise<readonly string[]> {
    await this.#changes.idle();
    if (!this.#plan || isEmpty(this.#plan)) return [];
    const { seen, ground } = await this.#look();
    const { ip, bridge, touched } = repairOverlay(this.#plan, seen, this.#underlay(this.#plan, ground));
    const lines = ip.length + bridge.length;
    const encrypted = this.#plan.tunnels.filter((tunnel) => tunnel.encrypted).map(({ name }) => name);
    const unlike = touched.length === 0 && lines > 0 ? [`of another time (${lines} entries)`] : touched;
    return (await this.#encrypting.whole()) ? unlike : [...new Set([...unlike, ...encrypted])];
  }

  async tearDown(): Promise<void> {
    await this.#changes.idle();
    this.#known = undefined;
    await this.#carryOut({ bridges: [], tunnels: [], answers: [], members: [], problems: [], port: 0 });
    await this.#encrypting.remove();
    await this.#rules.remove();
  }

  /** The names of the networks that something was done for. */
  async #carryOut(wanted: OverlayPlan): Promise<readonly string[]> {
    const before = this.#plan;
    this.#plan = wanted;
    let plan = wanted;
    // The first one may find what an earlier life left; who is alone looks at names only.
    const nothing = isEmpty(plan) && (before ? isEmpty(before) : !hasTunnel(await this.#devices(), this.#encrypting.name));
    this.#problems = plan.problems;
    if (nothing) return [];
    // Before anybody could send to us.
    if (plan.tunnels.length > 0) await this.#rules.load(overlayRules(this.#rules.table, plan.members, plan.port, this.#guarded(plan)));
    const encrypted = await this.#encrypt(plan);
    if (encrypted.problem !== undefined) {
      // Others go on: what must be encrypted waits for its device. Where that is there, what leads through it stays: it can show nothing.
      const led = (await this.#devices()).has(this.#encrypting.name);
      const tunnels = led ? plan.tunnels : plan.tunnels.filter((tunnel) => !tunnel.encrypted);
      plan = { ...plan, tunnels, problems: [...plan.problems, encrypted.problem] };
    }
    this.#problems = plan.problems;
    const touched = [...encrypted.touched, ...(await this.#mend(plan))];
    if (!wanted.encryption && (!before || before.encryption)) await this.#encrypting.remove();
    if (plan.tunnels.length === 0 && (before?.tunnels.length ?? 1) > 0) await this.#rules.remove();
    return touched;
  }

  #guarded({ tunnels }: OverlayPlan): Guarded {
    return { device: this.#encrypting.name, numbers: tunnels.filter(({ encrypted }) => encrypted).map(({ number }) => number) };
  }

  /** Before the tunnels that lead through it. */
  async #encrypt({ encryption, tunnels }: OverlayPlan): Promise<{ touched: readonly string[]; problem?: string }> {
    if (!encryption) return { touched: [] };
    const names = tunnels.filter(({ encrypted }) => encrypted).map(({ name }) => name);
    try {
      const { local, linkMtu } = await this.ground();
      const touched = await this.#encrypting.apply(encryption, { local, mtu: encryptedMtu(linkMtu) }, this.#known === undefined);
      return { touched: touched ? names : [] };
    } catch (error) {
      const problem = `the encrypted networks ${names.join(', ')} reach no other host: ${(error as Error).message}`;
      this.#logger.warn({}, problem);
      return { touched: [], problem };
    }
  }

  async #mend(plan: OverlayPlan): Promise<readonly string[]> {
    // A network that comes while containers wait for it is no reason to read all that the kernel has.
    const known = this.#known && withNewBridges(plan, this.#known.seen, await this.#devices());
    const { seen, ground } = known && this.#known ? { seen: known, ground: this.#known.ground } : await this.#look();
    this.#known = undefined;
    const underlay = this.#underlay(plan, ground);
    const repair = repairOverlay(plan, seen, underlay);
    const written = await this.#write(repair);
    this.#tellAbsent(plan, repair);
    this.#isPartial = !written;
    if (written) this.#known = { seen: repairedOverlay(plan, seen, underlay), ground };
    return repair.touched;
  }

  async #look(): Promise<{ seen: SeenOverlay; ground: Ground }> {
    this.#counters.processes += 3;
    return lookAtOverlay(this.#mark(), this.#address);
  }

  #underlay({ port }: OverlayPlan, { local, mtu }: Ground): Underlay {
    return { port, local, mtu, encrypting: this.#encrypting.name, mark: this.#mark() };
  }

  #mark(): string {
    return `shoal:${this.#options.nodeId}`;
  }

  /** False when something went between the look and this: somebody has to look again. */
  async #write({ ip, bridge, renamed }: Repair): Promise<boolean> {
    for (const name of renamed) await announceChanges(name);
    const written = await this.#batch('ip', ip);
    return (await this.#batch('bridge', bridge)) && written;
  }

  async #batch(command: 'ip' | 'bridge', lines: readonly string[]): Promise<boolean> {
    if (lines.length === 0) return true;
    this.#counters.processes += 1;
    this.#counters.lines += lines.length;
    this.#counters.tunnels_made += lines.filter((line) => line.startsWith('link add ')).length;
    const { code, stderr } = await run(command, ['-force', '-batch', '-'], { ...limits, input: batchInput(lines) });
    if (code === 0) return true;
    const failures = stderr.split('\n').filter((line) => line !== '' && !/^Command failed|No such file or directory|Cannot find device/.test(line));
    // What is gone already need not be removed; what was to be added to it is not there.
    if (failures.length === 0) return lines.every((line) => / del /.test(line));
    throw new Error(`${command} refused a change of the networks between hosts: ${failures.slice(0, 3).join('; ')}`);
  }

  #tellAbsent({ problems }: OverlayPlan, { absent }: Repair): void {
    const gone = absent.map(({ name, bridge }) => `the bridge ${bridge} of network ${name} is gone: its containers do not reach other hosts`);
    for (const text of gone) this.#logger.warn({}, text);
    this.#problems = [...problems, ...gone];
  }
}

function isEmpty({ tunnels, answers }: OverlayPlan): boolean {
  return tunnels.length === 0 && answers.length === 0;
}

function hasTunnel(devices: ReadonlySet<string>, encrypting: string): boolean {
  return [...devices].some((name) => name.startsWith('vx-') || name === encrypting);
}
