import type { JobPayload, Limits } from "@parley/contracts";
import type { HookDeliveryKey } from "../hook/hook-store.ts";
import type { MediaKey } from "../media/media-store.ts";
import type { ResponseKey } from "../responses/response-store.ts";
import type { ConversationKey } from "../turn/turn-store.ts";

/** A conversation that has been ready for a while: it waits for its organization's share, or its kick was lost. */
export interface ReadyConversation extends ConversationKey {
  epoch: number;
  isChild: boolean;
  readyAtMs: number;
  /** A kick younger than this is not taken for lost. Doubles each time that there was none. */
  graceMs: number;
}

type ForgottenBy =
  | "idempotencyKeptHours"
  | "journalKeptDays"
  | "directCallsKeptDays"
  | "webhooksKeptDays"
  | "activityKeptDays"
  | "responsesKeptDays"
  | "itemConversationsKeptDays"
  | "soldCallsKeptDays"
  | "cardEventsKeptDays"
  | "cardPaymentsKeptDays";

/** What the sweep may do, across organizations. */
export interface SweepStore {
  /** Whether this worker holds the office for the next `holdMs`. */
  holdOffice(office: string, worker: string, holdMs: number): Promise<boolean>;
  /** Conversations that need somebody; ready ones are not among them. Each found is found again later and later. */
  takeRepairs(options: { takeovers: boolean; repairsMax: number }): Promise<ConversationKey[]>;
  /** Of each organization the conversations that have been ready longest, the oldest first. */
  findReady(options: { eachMax: number; totalMax: number }): Promise<ReadyConversation[]>;
  /** Those that are ready now, too. */
  stillReady(conversations: readonly ReadyConversation[]): Promise<ReadyConversation[]>;
  /** These had no kick and were given one. */
  countKicks(conversations: readonly ConversationKey[]): Promise<void>;
  /** Of organizations whose share is not 1. */
  readWeights(): Promise<Map<string, number>>;
  /** Conversations whose compaction is due and was not ordered just now. */
  takeCompactions(rowsMax: number): Promise<ConversationKey[]>;
  /** Responses that want a worker and have none, with how often one had the right to write them. Each is found again later and later. */
  takeResponses(options: { takeovers: boolean; rowsMax: number }): Promise<(ResponseKey & { epoch: number })[]>;
  /** Repairs that could not be ordered are found again at the next look. */
  returnRepairs(conversations: ConversationKey[]): Promise<void>;
  /** Makes the partitions of the coming months, and drops those of past ones that are empty. */
  prepareMonths(): Promise<void>;
  /**
   * Removes what is past its time, some `rowsMax` of each kind. True when there may be more: then what could not be removed keeps nobody else's rest waiting for the
   * next round. It is tried again with each call, and thrown by the last one, where it still fails.
   */
  forget(limits: Pick<Limits, ForgottenBy>, rowsMax: number): Promise<boolean>;
  /** Deliveries that wait for longer than an order takes. Each is found again later and later. */
  takeWaitingHooks(rowsMax: number): Promise<HookDeliveryKey[]>;
  /** From here on, processes that were silent for too long are lost: what they have noted is to be charged. */
  loseKeepers(): Promise<void>;
  /** Organizations with usage that is not charged yet, with notes of a lost process, or with holds. */
  findUnposted(organizationsMax: number): Promise<string[]>;
  /**
   * What is left to do of payments, up to `rowsMax` of each kind: sold calls that nobody is at for `leftMs`, payments whose outcome nobody knows and nobody looks for
   * for `quietMs`, cards that are owed money, channels that are to be looked at.
   */
  findSettlements(options: {
    leftMs: number;
    quietMs: number;
    rowsMax: number;
  }): Promise<{ kind: JobPayload<"payment.settle">["kind"]; organizationId: string; id: string }[]>;
  /**
   * Looks whether the books of whoever has changed something are in order, at most so many entries of the ledger on. `found` are organizations whose are not, and were
   * until now; `unpostedAgeMs` is null where nothing is left to charge.
   */
  lookAtBooks(options: { entriesMax: number; settledMs: number }): Promise<{
    faults: number;
    found: { organizationId: string; problems: string[] }[];
    unpostedAgeMs: number | null;
  }>;
  /** The number of the look for events of the card service that is due; null: none is. */
  findCardLook(): Promise<number | null>;
  /** Files whose bytes are to be removed: past their time, deleted, or never finished. Readers find them no more. */
  takeGoneMedia(options: { unfinishedAfterMs: number; rowsMax: number }): Promise<MediaKey[]>;
  /** Conversations that retention has not looked at for so long; from here on they count as looked at. */
  takeUnlooked(options: { hours: number; conversationsMax: number }): Promise<ConversationKey[]>;
}
