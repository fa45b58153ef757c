import { GatewayError, newPeerId, type Peer, type PeerSkill, unreadableParameters } from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "../identity/caller.ts";
import { notePeerPush } from "./note-peer-push.ts";
import type { PeerUseCases } from "./peer-use-cases.ts";
import { peerPlace, sealAuth } from "./seal-auth.ts";

export const managePeers = (context: GatewayContext): PeerUseCases => ({
  createPeer: (caller, input, once) =>
    runOnce(context, caller, once, {
      input,
      run(bound) {
        refuseLimited(caller);
        checkSkills(input.skills, ["skills"], bound.limits.peerSkillsMax);
        const { organizationId } = caller;
        const id = newPeerId();
        const sealed = sealAuth(bound.vault, input.auth, peerPlace(organizationId, id));
        return bound.peers.create({
          ...input,
          protocol: input.protocol ?? "a2a",
          ...sealed,
          organizationId,
          id,
          max: bound.limits.peersMax,
        });
      },
    }),

  notePeerPush: (push) => notePeerPush(context, push),

  getPeer: (caller, peerId) => getPeer(context, caller, peerId),

  async listPeers(caller, page) {
    checkPage(page, context.limits);
    return context.peers.list(caller.organizationId, page);
  },

  updatePeer: (caller, input, once) =>
    runOnce(context, caller, once, {
      input,
      async run(bound) {
        refuseLimited(caller);
        const { peerId: id, auth, ...facts } = input;
        const { organizationId } = caller;
        checkSkills(input.skills, ["skills"], bound.limits.peerSkillsMax);
        const known = await getPeer(bound, caller, id);
        if (auth === undefined) checkSamePlace(known, input.endpoint);
        const sealed = auth === undefined ? {} : sealAuth(bound.vault, auth, peerPlace(organizationId, id));
        const changed = await bound.peers.change({ ...facts, ...sealed, organizationId, id });
        if (changed === null) throw new GatewayError("not_found");
        return changed;
      },
    }),

  async deletePeer(caller, peerId, once) {
    await runOnce(context, caller, once, {
      input: peerId,
      async run(bound) {
        refuseLimited(caller);
        if (!(await bound.peers.delete(caller.organizationId, peerId))) throw new GatewayError("not_found");
        return {};
      },
    });
  },
});

async function getPeer({ peers }: Pick<GatewayContext, "peers">, caller: Caller, peerId: string): Promise<Peer> {
  const [found] = await peers.find(caller.organizationId, [peerId]);
  if (found === undefined) throw new GatewayError("not_found");
  const { sealed: _, ...peer } = found;
  return peer;
}

/** All agents of the organization may name a peer: a key for some of them has no say in it. */
function refuseLimited(caller: Caller): void {
  if (caller.agentIds !== null) throw new GatewayError("missing_scope");
}

/** Whoever may change an endpoint but does not know its credential must not be sent it. */
function checkSamePlace({ endpoint, auth }: Peer, given: string | undefined): void {
  if (given === undefined || auth.type === "none" || new URL(given).origin === new URL(endpoint).origin) return;
  const message = "With another place its credentials are needed, too.";
  throw new GatewayError("invalid_input", { issues: [{ path: ["auth"], code: "custom", message }] });
}

/** Throws `invalid_input` for skills that are too many, named twice, or have a schema that could never be checked. */
export function checkSkills(skills: PeerSkill[] | null | undefined, path: (string | number)[], skillsMax: number): void {
  const given = skills ?? [];
  const tooMany = given.length > skillsMax ? [{ path, code: "too_big", message: `At most ${skillsMax} skills.` }] : [];
  const unusable = given.flatMap(({ id, inputSchema }, place) => {
    const twice = given.findIndex((skill) => skill.id === id) < place;
    const unreadable = inputSchema === undefined ? null : unreadableParameters(inputSchema);
    return [
      ...(twice ? [{ path: [...path, place, "id"], code: "custom", message: "The skill is there twice." }] : []),
      ...(unreadable === null ? [] : [{ path: [...path, place, "inputSchema"], code: "custom", message: unreadable }]),
    ];
  });
  if (tooMany.length + unusable.length > 0) throw new GatewayError("invalid_input", { issues: [...tooMany, ...unusable] });
}
