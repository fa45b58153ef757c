import { randomBytes } from "node:crypto";
import { v5, v7 } from "uuid";
import { z } from "zod";

type Brand<Kind extends string> = string & z.core.$brand<Kind>;

export type OrganizationId = Brand<"OrganizationId">;
export type AgentId = Brand<"AgentId">;
/** A conversation's id is the id of its root execution. */
export type ConversationId = Brand<"ExecutionId"> & Brand<"ConversationId">;
export type ExecutionId = Brand<"ExecutionId">;
export type TurnId = Brand<"TurnId">;
export type MessageId = Brand<"MessageId">;
export type CardId = Brand<"CardId">;
export type KeyId = Brand<"KeyId">;
export type MemoryId = Brand<"MemoryId">;
export type ResponseId = Brand<"ResponseId">;

const uuid = <Id extends string>() => z.guid().toLowerCase() as unknown as z.ZodType<Id, string>;

export const organizationId = uuid<OrganizationId>();
export const agentId = uuid<AgentId>();
export const conversationId = uuid<ConversationId>();
export const executionId = uuid<ExecutionId>();
export const turnId = uuid<TurnId>();
export const messageId = uuid<MessageId>();
export const cardId = uuid<CardId>();
export const memoryId = uuid<MemoryId>();
export const responseId = uuid<ResponseId>();
export const keyId = z.string().regex(/^key_[0-9a-f]{24}$/) as unknown as z.ZodType<KeyId, string>;

export const peerId = z.string().regex(/^peer_[0-9a-f]{24}$/, "is the id of no peer");
export const newPeerId = (): string => `peer_${randomBytes(12).toString("hex")}`;

/** Of the messages of one call, counted from 1: the same however often they are made. */
export const peerMessageId = (callId: string, round: number): string => v5(`message ${round}`, callId);

/** What all calls of one peer in one conversation have in common. */
export const peerContextId = (conversationId: string, peerRef: string): string => v5(`context ${peerRef}`, conversationId);

/** A new UUIDv7: sorts by the time it was made. */
export const newId = <Id extends string>(): Id => v7() as Id;

/** The same UUID for the same hash, of which it takes the first 32 hex digits: an id that nobody has to keep. */
export const uuidOfHash = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;

export const newSessionId = (): string => `ses_${randomBytes(12).toString("hex")}`;

export const newKeyId = (): KeyId => `key_${randomBytes(12).toString("hex")}` as KeyId;
