/** What changed since the last pass: narrows the next one. */
import { nodeLocalNetworks } from '#model/object/network';
import { isActive, isPlaced, type Task } from '#model/object/task';
import { compareStates, isTerminal } from '#model/object/task-state';
import type { Action } from '#store/action';
import type { NarrowScope, Scope } from '#store/stage';
import type { View } from '#store/view';

export class DirtySet {
  #all = false;
  readonly #services = new Set<string>();
  readonly #specs = new Set<string>();
  readonly #nodes = new Set<string>();
  readonly #loads = new Set<string>();
  #waiting = false;
  #networks = false;

  get empty(): boolean {
    const sets = this.#services.size + this.#specs.size + this.#nodes.size + this.#loads.size;
    return !this.#all && sets === 0 && !this.#waiting && !this.#networks;
  }

  get scope(): Scope {
    if (this.#all) return 'all';
    return { services: this.#services, specs: this.#specs, nodes: this.#nodes, loads: this.#loads, waiting: this.#waiting, networks: this.#networks };
  }

  markAll(): void {
    this.#all = true;
  }

  add(scope: 'all' | Partial<NarrowScope>): void {
    if (scope === 'all') {
      this.#all = true;
      return;
    }
    for (const id of scope.services ?? []) this.#services.add(id);
    for (const id of scope.specs ?? []) this.#specs.add(id);
    for (const id of scope.nodes ?? []) this.#nodes.add(id);
    for (const id of scope.loads ?? []) this.#loads.add(id);
    this.#waiting ||= scope.waiting ?? false;
    this.#networks ||= scope.networks ?? false;
  }

  /** Notes what `actions` touch; `before` is the view that they are about to change. */
  touch(before: View, actions: readonly Action[]): void {
    for (const action of actions) this.#touchOne(before, action);
  }

  #touchOne(before: View, action: Action): void {
    const id = action.type === 'remove' ? action.id : action.object.ID;
    switch (action.kind) {
      case 'service':
        this.#services.add(id);
        this.#specs.add(id);
        return;
      case 'node':
        return this.#touchNode(before, action, id);
      case 'network':
        this.#networks = true;
        // Tasks may have waited for it to come, or to have its subnet.
        this.#waiting = true;
        return;
      // The history limit concerns every service, the address pools every network.
      case 'cluster':
        this.#all = true;
        return;
      case 'task':
        return this.#touchTask(before.get('task', id), action.type === 'remove' ? undefined : action.object);
      default:
        return;
    }
  }

  #touchNode(before: View, action: Action & { kind: 'node' }, id: string): void {
    const known = before.get('node', id);
    const next = action.type === 'remove' ? undefined : action.object;
    this.#loads.add(id);
    // Only its gateways changed: that concerns who gives them.
    if (known && next && known.Spec === next.Spec && known.Status === next.Status && known.Description === next.Description) return;
    this.#nodes.add(id);
  }

  #touchTask(known: Task | undefined, next: Task | undefined): void {
    for (const task of [known, next]) if (task) this.#services.add(task.ServiceID);
    // Whoever waits for an address that was asked back has an answer.
    if (known?.Shoal.Attachment?.GivesUp && known.Shoal.Attachment.GivesUp !== next?.Shoal.Attachment?.GivesUp) this.#networks = true;
    if (next && compareStates(next.Status.State, 'assigned') < 0) this.#waiting = true;
    const took = known !== undefined && isPlaced(known);
    const takes = next !== undefined && isPlaced(next);
    const moved = took && takes && known.NetworksAttachments !== next.NetworksAttachments;
    if (!moved && known?.NodeID === next?.NodeID && took === takes && (!known || !next || isActive(known) === isActive(next))) return;
    if (took) this.#loads.add(known.NodeID);
    if (takes) this.#loads.add(next.NodeID);
    const left = moved && addressCount(next) < addressCount(known);
    if (left || (holdsAddresses(known) && !holdsAddresses(next))) this.#networks = true;
  }
}

function addressCount({ NetworksAttachments = [] }: Task): number {
  return NetworksAttachments.reduce((sum, { Addresses }) => sum + Addresses.length, 0);
}

function holdsAddresses(task: Task | undefined): boolean {
  if (!task || isTerminal(task.Status.State)) return false;
  return task.NetworksAttachments?.some(({ Network }) => !nodeLocalNetworks.includes(Network.Spec.Name)) ?? false;
}
