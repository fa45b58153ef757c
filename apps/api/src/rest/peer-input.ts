import {
  createPeerInput,
  type PeerAuth,
  type PeerSkill,
  type PeerTrust,
  peerAuth,
  peerSkill,
  peerTrust,
  unreadableParameters,
  updatePeerInput,
} from "@parley/contracts";
import { z } from "zod";

const [none, bearer, secret, didSigned, { shape: oauth }] = peerAuth.options;

const auth = z
  .discriminatedUnion("type", [
    none,
    bearer,
    secret,
    didSigned,
    z.object({
      type: oauth.type,
      token_url: oauth.tokenUrl,
      client_id: oauth.clientId,
      client_secret: oauth.clientSecret,
      scope: oauth.scope,
    }),
  ])
  .transform((wire): PeerAuth => {
    if (wire.type !== "oauth") return wire;
    const { type, token_url: tokenUrl, client_id: clientId, client_secret: clientSecret, scope } = wire;
    return { type, tokenUrl, clientId, clientSecret, scope };
  });

const { shape: trusting } = peerTrust;
/** As it is answered it may be sent: null is absent. */
const trust = z
  .object({
    verify_did: trusting.verifyDid,
    pinned_did: trusting.pinnedDid.nullish(),
    pinned_key: trusting.pinnedKey.nullish(),
    policy: trusting.policy,
    on_bad_signature: trusting.onBadSignature,
  })
  .transform(
    (wire): PeerTrust => ({
      verifyDid: wire.verify_did,
      pinnedDid: wire.pinned_did ?? undefined,
      pinnedKey: wire.pinned_key ?? undefined,
      policy: wire.policy,
      onBadSignature: wire.on_bad_signature,
    }),
  );

const { shape: offered } = peerSkill;
/** Looked at here, too, so that what is wrong with it bears the name that it has on this wire. */
const inputSchema = offered.inputSchema.unwrap().superRefine((schema, context) => {
  const unreadable = unreadableParameters(schema);
  if (unreadable !== null) context.addIssue({ code: "custom", message: unreadable });
});
const skill = z
  .object({
    id: offered.id,
    name: offered.name.nullish(),
    description: offered.description.nullish(),
    input_schema: inputSchema.nullish(),
    tags: offered.tags,
    output_modes: offered.outputModes,
  })
  .transform(
    (wire): PeerSkill => ({
      id: wire.id,
      name: wire.name ?? undefined,
      description: wire.description ?? undefined,
      inputSchema: wire.input_schema ?? undefined,
      tags: wire.tags,
      outputModes: wire.output_modes,
    }),
  );
const skills = z.array(skill).nullable();

const { shape: created } = createPeerInput;
export const createPeerBody = z
  .object({
    name: created.name,
    protocol: created.protocol,
    endpoint: created.endpoint,
    auth: auth.default({ type: "none" }),
    trust: trust.prefault({}),
    skills: skills.default(null),
    price_micros: created.priceMicros,
    timeout_ms: created.timeoutMs,
    deduplicates: created.deduplicates,
  })
  .transform(({ price_micros: priceMicros, timeout_ms: timeoutMs, ...same }) => ({ ...same, priceMicros, timeoutMs }));

const { shape: updated } = updatePeerInput;
export const updatePeerBody = z
  .object({
    name: updated.name,
    endpoint: updated.endpoint,
    auth: auth.optional(),
    trust: trust.optional(),
    skills: skills.optional(),
    price_micros: updated.priceMicros,
    timeout_ms: updated.timeoutMs,
    deduplicates: updated.deduplicates,
  })
  .transform(({ price_micros: priceMicros, timeout_ms: timeoutMs, ...same }) => ({ ...same, priceMicros, timeoutMs }));
